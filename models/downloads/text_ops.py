"""TF-Text's TFLite operators without TensorFlow: one shared object out of the tensorflow-text wheel."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

from app.model.text_ops import LIBRARY
from models.downloads.linkage import drop_needed
from models.errors import BuildError

FOLDER = "tensorflow_text/core/pybinds"
UNUSED = {".so": "libtensorflow_framework.so.2", ".dylib": "libtensorflow_framework.2.dylib"}
"""162 MB that the library names as needed and takes no symbol from, by its own suffix."""


def extract_text_ops(wheel: Path, folder: Path, library: str = LIBRARY) -> dict[str, str]:
    """Place the shared object and the wheel's licence into a folder; sha256 by name.

    Each file is written under a temporary name and renamed when it is whole.

    Raises:
        BuildError: The file is no wheel or lacks the object, or the object cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = {library: f"{FOLDER}/{library}"}
            members |= {f"tensorflow-text.{path.name}": str(path) for path in _licences(archive)}
            contents = {name: archive.read(member) for name, member in members.items()}
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise BuildError(f"{wheel}: {error}") from None
    try:
        contents[library] = drop_needed(contents[library], UNUSED[Path(library).suffix])
    except ValueError as error:
        raise BuildError(f"{wheel}: {library}: {error}") from None
    return {name: _place(content, folder / name) for name, content in contents.items()}


def _licences(archive: zipfile.ZipFile) -> list[PurePosixPath]:
    paths = (PurePosixPath(member.filename) for member in archive.infolist() if not member.is_dir())
    return [path for path in paths if path.name in ("LICENSE", "NOTICE") and ".dist-info/" in str(path)]


def _place(content: bytes, file: Path) -> str:
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(content)
    if file.suffix == ".dylib" and sys.platform == "darwin":  # loads nothing whose signature does not fit
        subprocess.run(["codesign", "--force", "--sign", "-", part], check=True, capture_output=True)
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    part.replace(file)
    return digest
