from __future__ import annotations

import errno
import fcntl
import os
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from app.engine.runtimes import weight_cache
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


def test_a_file_that_may_not_be_read_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    written = make(tmp_path)
    check = weight_cache.checksum

    def refused(path: Path) -> int:
        if path == written:
            raise PermissionError(errno.EACCES, "Permission denied")
        return check(path)

    monkeypatch.setattr(weight_cache, "checksum", refused)
    monkeypatch.setattr(Path, "replace", no_replace)
    with PackedWeights(tmp_path, MODEL, DIGEST).make(lambda place: place.write_bytes(CONTENT)) as path:
        assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [written]
    assert caplog.messages == [
        f"{written}: Permission denied; the weights are packed anew",
        f"{written}: Operation not permitted; the packed weights stay in memory",
    ]


def no_replace(part: Path, target: Path) -> None:
    """As in a folder whose sticky bit keeps other users' files."""
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_a_folder_that_may_not_be_searched_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    make(tmp_path)
    monkeypatch.setattr(Path, "is_dir", refused)
    assert PackedWeights(tmp_path, MODEL, DIGEST).find() is None


def test_processes_of_one_number_in_two_containers_do_not_write_to_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[Path] = []
    copy = shutil.copyfile

    def noted(source: Path, target: Path) -> None:
        parts.append(target)
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", noted)
    for _ in range(2):
        make(tmp_path).unlink()
    assert len(set(parts)) == 2


def test_of_two_processes_one_packs_and_the_other_waits_for_its_file(tmp_path: Path) -> None:
    packed: list[Path] = []

    def pack(place: Path) -> None:
        packed.append(place)
        place.write_bytes(CONTENT)

    def other() -> Path:
        with PackedWeights(tmp_path, MODEL, DIGEST).make(pack) as path:
            return path

    with ThreadPoolExecutor(1) as pool:

        def pack_beside(place: Path) -> None:
            waiting.append(pool.submit(other))
            pack(place)

        waiting: list[Future[Path]] = []
        with PackedWeights(tmp_path, MODEL, DIGEST).make(pack_beside) as first:
            assert waiting[0].result() == first
    assert len(packed) == 1


def test_a_process_that_stays_too_long_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_cache, "TURN_SECONDS", 0.05)
    holder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert make(tmp_path).exists()
    finally:
        os.close(holder)


def test_a_folder_without_locks_is_used_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    assert make(tmp_path).exists()


def test_files_of_other_models_and_other_machines_stay(tmp_path: Path) -> None:
    others = {f"other.{DIGEST[:16]}.{machine_key()}.xnnpack", f"model.{DIGEST[:16]}.00000000.0.xnnpack"}
    for name in others:
        (tmp_path / name).touch()
    make(tmp_path, "0" * 64)
    last = make(tmp_path, "1" * 64)
    assert {path.name for path in tmp_path.iterdir()} == others | {last.name}
