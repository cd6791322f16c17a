"""The model file, opened once: what its name points to later does not matter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from app.errors import ModelRefusedError


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An open file, for this process and those that inherit its descriptor.

    Attributes:
        path: The name under which it was opened.
        descriptor: Of the open file; it stays open as long as the process serves.
    """

    path: Path
    descriptor: int

    @property
    def place(self) -> Path:
        """Where the same content is found, whatever has happened to its name."""
        return descriptor_path(self.descriptor, self.path)


def open_model_file(path: Path) -> ModelFile:
    """Open a model file.

    Raises:
        ModelRefusedError: It cannot be opened.
    """
    try:
        return ModelFile(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise ModelRefusedError(f"{path}: {error.strerror}") from None


def descriptor_path(descriptor: int, path: Path, proc: Path = Path("/proc")) -> Path:
    """The path under which Linux shows an open file; other systems have none but its name."""
    descriptors = proc / "self" / "fd"
    return descriptors / str(descriptor) if descriptors.exists() else path
