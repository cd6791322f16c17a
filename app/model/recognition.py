"""What a path is that was given as a model and is none, and what to do with it."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

POINTS = b"version https://git-lfs.github.com/"
POINTER = "it is a pointer of Git LFS and not the file itself; fetch that in its repository: git lfs pull"
BUILD = "python -m models build --source"


def advice(path: Path) -> str | None:
    """A clause that names what the path is and the next step; None where nothing is known about it."""
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        return _of_name(path)
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return None
    if is_pointer(path):
        return POINTER
    if head[:4] == b"GGUF":
        return f"it is a GGUF checkpoint; build a model file from it: {BUILD} {path}"
    if head[4:8] == b"TFL3":
        return None
    return _of_file(path)


def is_pointer(path: Path) -> bool:
    """Whether a file only says which one Git LFS has in its place, as it does without that extension."""
    try:
        with path.open("rb") as file:
            return file.read(len(POINTS)) == POINTS
    except OSError:
        return False


def _of_file(path: Path) -> str | None:
    kind = path.suffix.lower()
    if kind == ".safetensors":
        return f"it holds the weights of a checkpoint; build its folder: {BUILD} {path.parent}"
    if kind == ".onnx":
        return f"it is an ONNX graph, which is not read; {INSTEAD}"
    if kind in (".bin", ".pt", ".pth", ".ckpt"):
        return "it holds weights of PyTorch; save them as safetensors (save_pretrained) and build the folder"
    if kind in (".npz", ".npy"):
        return f"it holds arrays of NumPy or MLX; {INSTEAD}"
    if kind in (".h5", ".keras") or _is_keras(path):
        return f"it is a Keras file; save a preset (save_to_preset) and build its folder: {BUILD} FOLDER"
    if kind == ".task":
        return f"it is a MediaPipe bundle; take the .litertlm file of the same model, or build one: {INSTEAD}"
    return None


def _is_keras(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "model.weights.h5" in archive.namelist()


def _of_folder(path: Path) -> str | None:
    if (path / "adapter_config.json").exists():
        return (
            "it is an adapter without its model; merge it into that (peft: merge_and_unload, "
            f"save_pretrained) and build the result: {BUILD} FOLDER"
        )
    if (path / "saved_model.pb").exists():
        return f"it is a SavedModel of TensorFlow; {INSTEAD}"
    if (path / "config.json").exists():
        if _is_mlx(path / "config.json"):
            return f"its weights are quantized by MLX, which is not read; {INSTEAD}"
        return f"it is a folder with a checkpoint; build a model file from it: {BUILD} {path}"
    return None


def _is_mlx(config: Path) -> bool:
    try:
        found = json.loads(config.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and isinstance(found.get("quantization"), dict)


def _of_name(path: Path) -> str | None:
    """A hub's name: two words without an ending that a file would have; or an address."""
    if re.match(r"https?:/", str(path)):
        return f"addresses are not fetched; fetch the model first and build it: {BUILD} PATH"
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", str(path)) or path.suffix in (".tflite", ".gguf"):
        return None
    return (
        f"if it is the name of a model on a hub, fetch it first (hf download {path} --local-dir {path.name}) "
        f"and build it: {BUILD} {path.name}"
    )


INSTEAD = f"take the model's Hugging Face folder or a GGUF file: {BUILD} PATH"
