from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from app.engine.runtimes.memory_file import memory_file


@pytest.fixture(params=["memory", "temporary"])
def disk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a system without files in memory puts them; one system has them, the other has not."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if request.param == "temporary":
        monkeypatch.delattr(os, "memfd_create")
    return tmp_path


def test_what_is_written_to_the_path_is_read_from_the_descriptor(disk: Path) -> None:
    with memory_file("name") as (descriptor, path):
        path.write_bytes(b"content")
        assert os.pread(descriptor, 100, 0) == b"content"


def test_nothing_is_left_of_it(disk: Path) -> None:
    with memory_file("name") as (descriptor, _):
        os.write(descriptor, b"content")
    assert list(disk.iterdir()) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
