from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.file import descriptor_path, open_model_file


def test_a_file_that_was_replaced_or_removed_is_still_the_one_that_was_opened(tmp_path: Path) -> None:
    path, other = tmp_path / "model.tflite", tmp_path / "other"
    path.write_bytes(b"first")
    file = open_model_file(path)
    other.write_bytes(b"second")
    other.replace(path)
    assert file.place.read_bytes() == b"first"
    path.unlink()
    assert file.place.read_bytes() == b"first"
    os.close(file.descriptor)


def test_a_child_that_inherits_the_descriptor_reads_it_at_the_same_place(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"content")
    file = open_model_file(path)
    path.unlink()
    command = [sys.executable, "-c", f"print(open({str(file.place)!r}).read())"]
    done = subprocess.run(command, pass_fds=[file.descriptor], capture_output=True, check=True)
    assert done.stdout == b"content\n"
    os.close(file.descriptor)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match=r"model\.tflite: No such file or directory"):
        open_model_file(tmp_path / "model.tflite")


def test_a_system_that_shows_no_open_files_has_the_name_only(tmp_path: Path) -> None:
    assert descriptor_path(3, tmp_path / "model.tflite", proc=tmp_path) == tmp_path / "model.tflite"
