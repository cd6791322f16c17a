from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.packed import machine_key, packed_weights

MODEL = Path("folder/model.tflite")
DIGEST = "ab" * 32


def make(folder: Path, digest: str = DIGEST, content: bytes = b"packed") -> Path:
    with packed_weights(folder, MODEL, digest) as path:
        path.write_bytes(content)
    return path


def test_a_new_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    written = make(tmp_path)
    (found,) = tmp_path.iterdir()
    assert found.name == f"model.{DIGEST[:16]}.{machine_key()}.xnnpack"
    assert found.read_bytes() == b"packed"
    assert written != found


def test_a_finished_file_is_the_one_to_read(tmp_path: Path) -> None:
    make(tmp_path)
    (found,) = tmp_path.iterdir()
    with packed_weights(tmp_path, MODEL, DIGEST) as path:
        assert path == found


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="disk"), packed_weights(tmp_path, MODEL, DIGEST) as path:
        path.write_bytes(b"half")
        raise RuntimeError("disk")
    assert list(tmp_path.iterdir()) == []


def test_files_of_other_models_and_other_machines_stay(tmp_path: Path) -> None:
    others = {f"other.{DIGEST[:16]}.{machine_key()}.xnnpack", f"model.{DIGEST[:16]}.00000000.xnnpack"}
    for name in others:
        (tmp_path / name).touch()
    make(tmp_path, "0" * 64)
    make(tmp_path, "1" * 64)
    found = {path.name for path in tmp_path.iterdir()}
    assert found == others | {f"model.{'1' * 16}.{machine_key()}.xnnpack"}
