from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.model.text_ops import LIBRARY
from models.downloads.text_ops import extract_text_ops
from models.errors import BuildError
from tests.models.downloads.test_linkage import elf, macho

PYBINDS = "tensorflow_text/core/pybinds"
UNUSED = b"libmissing.so.2"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "tensorflow_text-2.21.1-cp311-cp311-manylinux_2_27_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{PYBINDS}/{LIBRARY}", elf(b"libc.so.6", UNUSED))
        archive.writestr(f"{PYBINDS}/mac.dylib", macho((0xC, b"@rpath/libtensorflow_framework.2.dylib")))
        archive.writestr(f"{PYBINDS}/other.so", b"not wanted")
        archive.mkdir("tensorflow_text-2.21.1.dist-info/licenses")
        archive.writestr("tensorflow_text-2.21.1.dist-info/licenses/LICENSE", b"Apache License")
    return path


@pytest.fixture(autouse=True)
def _unused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "models.downloads.text_ops.UNUSED",
        {".so": UNUSED.decode(), ".dylib": "libtensorflow_framework.2.dylib"},
    )


def test_the_library_and_the_licence_are_placed_with_their_digests(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "ops"
    digests = extract_text_ops(wheel, folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(digests)
    assert digests.keys() == {LIBRARY, "tensorflow-text.LICENSE"}
    for name, digest in digests.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert (folder / "tensorflow-text.LICENSE").read_bytes() == b"Apache License"


def test_the_library_needs_tensorflow_no_more(wheel: Path, tmp_path: Path) -> None:
    extract_text_ops(wheel, tmp_path / "ops")
    found = (tmp_path / "ops" / LIBRARY).read_bytes()
    assert found != elf(b"libc.so.6", UNUSED)
    assert len(found) == len(elf(b"libc.so.6", UNUSED))


def test_apples_library_is_signed_anew(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sign(command: list[Any], **options: Any) -> None:
        assert command[:-1] == ["codesign", "--force", "--sign", "-"]
        command[-1].write_bytes(command[-1].read_bytes() + b"signature")

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", sign)
    digests = extract_text_ops(wheel, tmp_path / "ops", "mac.dylib")
    signed = macho((0x80000018, b"@rpath/libtensorflow_framework.2.dylib")) + b"signature"
    assert (tmp_path / "ops" / "mac.dylib").read_bytes() == signed
    assert digests["mac.dylib"] == hashlib.sha256(signed).hexdigest()


def test_extracting_again_gives_the_same_files(wheel: Path, tmp_path: Path) -> None:
    assert extract_text_ops(wheel, tmp_path / "ops") == extract_text_ops(wheel, tmp_path / "ops")


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "not.whl"
    with pytest.raises(BuildError, match=r"not\.whl: .*No such file"):
        extract_text_ops(path, tmp_path / "ops")
    path.write_bytes(b"no archive")
    with pytest.raises(BuildError, match=r"not\.whl: File is not a zip file"):
        extract_text_ops(path, tmp_path / "ops")


def test_a_wheel_without_the_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.py", b"")
    with pytest.raises(BuildError, match=rf"other\.whl: .*{LIBRARY}"):
        extract_text_ops(path, tmp_path / "ops")


def test_a_library_that_cannot_be_read_is_never_placed(tmp_path: Path) -> None:
    path = tmp_path / "broken.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{PYBINDS}/{LIBRARY}", b"no ELF")
    with pytest.raises(BuildError, match=rf"broken\.whl: {LIBRARY}: no 64-bit shared object"):
        extract_text_ops(path, tmp_path / "ops")
    assert not (tmp_path / "ops" / LIBRARY).exists()
