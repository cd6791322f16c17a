from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.single.extract import inner_file


@pytest.fixture
def container(tmp_path: Path) -> Path:
    path = tmp_path / "big.litertlm"
    path.write_bytes(b"head" + b"model" * 100 + b"tail")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def test_the_range_becomes_a_file(container: Path, folder: Path) -> None:
    copy = inner_file(folder, container, "ab" * 32, 4, 504)
    assert copy.read_bytes() == b"model" * 100
    assert [path.name for path in folder.iterdir()] == ["big.abababababababab.inner.tflite"]


def test_it_is_copied_once(container: Path, folder: Path) -> None:
    first = inner_file(folder, container, "ab" * 32, 4, 504)
    made = first.stat().st_mtime_ns
    container.write_bytes(b"x" * 600)
    assert inner_file(folder, container, "ab" * 32, 4, 504).stat().st_mtime_ns == made


def test_a_new_content_takes_the_old_ones_place(container: Path, folder: Path) -> None:
    inner_file(folder, container, "ab" * 32, 4, 504)
    copy = inner_file(folder, container, "cd" * 32, 4, 504)
    assert list(folder.iterdir()) == [copy]


def test_a_whole_file_is_not_copied(container: Path, folder: Path) -> None:
    assert inner_file(folder, container, "ab" * 32, 0, container.stat().st_size) == container
    assert list(folder.iterdir()) == []


def test_a_copy_that_was_not_made_whole_is_not_there(
    container: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        inner_file(folder, container, "ab" * 32, 4, 504)
    assert list(folder.iterdir()) == []
