from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from app.model.recognition import advice


def file(path: Path, content: bytes = b"anything at all") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_gguf_file_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    path = file(tmp_path / "sha256-0123", b"GGUF\x03\x00\x00\x00")
    assert advice(path) == (
        f"it is a GGUF checkpoint; build a model file from it: python -m models build --source {path}"
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a/model.safetensors", "build its folder: python -m models build --source "),
        ("a/model.onnx", "it is an ONNX graph"),
        ("a/pytorch_model.bin", "weights of PyTorch"),
        ("a/weights.npz", "arrays of NumPy or MLX"),
        ("a/model.keras", "it is a Keras file"),
        ("a/model.task", "it is a MediaPipe bundle"),
    ],
)
def test_other_files_are_known_by_their_endings(tmp_path: Path, name: str, what: str) -> None:
    assert what in str(advice(file(tmp_path / name)))


def test_a_keras_file_is_known_by_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model", "w") as archive:
        archive.writestr("model.weights.h5", b"")
    assert "it is a Keras file" in str(advice(tmp_path / "model"))


@pytest.mark.parametrize(
    ("inside", "content", "what"),
    [
        ("config.json", {"model_type": "llama"}, "it is a folder with a checkpoint"),
        ("config.json", {"quantization": {"bits": 4}}, "quantized by MLX"),
        ("adapter_config.json", {}, "it is an adapter without its model"),
        ("saved_model.pb", {}, "it is a SavedModel"),
    ],
)
def test_folders_are_known_by_their_files(tmp_path: Path, inside: str, content: object, what: str) -> None:
    file(tmp_path / inside, json.dumps(content).encode())
    assert what in str(advice(tmp_path))


def test_a_hubs_name_is_fetched_first() -> None:
    assert "hf download Qwen/Qwen3-0.6B --local-dir Qwen3-0.6B" in str(advice(Path("Qwen/Qwen3-0.6B")))


@pytest.mark.parametrize("path", ["none.tflite", "a/none.tflite", "a/b/none.gguf", "none"])
def test_nothing_is_said_of_what_is_not_known(path: str) -> None:
    assert advice(Path(path)) is None


def test_nothing_is_said_of_a_model_file(tmp_path: Path) -> None:
    assert advice(file(tmp_path / "model.tflite", b"\x1c\x00\x00\x00TFL3")) is None
    assert advice(tmp_path) is None
