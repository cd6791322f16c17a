from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from app.engine.runtimes.weight_cache import PackedWeights, checksum, machine_key

MODEL = Path("folder/model.tflite")
DIGEST = "ab" * 32
CONTENT = b"packed" * 1000
PREFIX = f"model.{DIGEST[:16]}.{machine_key()}"


def make(folder: Path, digest: str = DIGEST) -> Path:
    with PackedWeights(folder, MODEL, digest).make(lambda place: place.write_bytes(CONTENT)) as path:
        assert path.read_bytes() == CONTENT
    return path


def test_a_new_file_is_named_by_what_it_was_made_from_and_its_checksum(tmp_path: Path) -> None:
    written = make(tmp_path)
    assert list(tmp_path.iterdir()) == [written]
    assert written.name == f"{PREFIX}.{checksum(written):08x}.xnnpack"


def test_a_finished_file_is_found_again(tmp_path: Path) -> None:
    weights = PackedWeights(tmp_path, MODEL, DIGEST)
    assert weights.find() is None
    written = make(tmp_path)
    assert weights.find() == written
    assert PackedWeights(tmp_path, MODEL, "0" * 64).find() is None


@pytest.mark.parametrize("place", [0, 3000, 5999])
def test_a_flipped_bit_is_found_and_the_file_is_gone(
    tmp_path: Path, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    written = make(tmp_path)
    damaged = bytearray(CONTENT)
    damaged[place] ^= 1
    written.write_bytes(damaged)
    assert PackedWeights(tmp_path, MODEL, DIGEST).find() is None
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == [f"{written}: damaged; the weights are packed anew"]


@pytest.mark.parametrize("size", [0, 5999])
def test_a_file_that_was_cut_short_is_not_used(tmp_path: Path, size: int) -> None:
    make(tmp_path).write_bytes(CONTENT[:size])
    assert PackedWeights(tmp_path, MODEL, DIGEST).find() is None


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def fail(place: Path) -> None:
        place.write_bytes(b"half")
        raise RuntimeError("no model")

    with pytest.raises(RuntimeError, match="no model"), PackedWeights(tmp_path, MODEL, DIGEST).make(fail):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_memory_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    make(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (line,) = caplog.messages
    assert line.endswith(".xnnpack: No space left on device; the packed weights stay in memory")


def test_files_of_other_models_and_other_machines_stay(tmp_path: Path) -> None:
    others = {f"other.{DIGEST[:16]}.{machine_key()}.xnnpack", f"model.{DIGEST[:16]}.00000000.0.xnnpack"}
    for name in others:
        (tmp_path / name).touch()
    make(tmp_path, "0" * 64)
    last = make(tmp_path, "1" * 64)
    assert {path.name for path in tmp_path.iterdir()} == others | {last.name}
