"""Checkpoints from KerasHub presets of `GPT2CausalLM`: a local directory, without Keras, or a name, with it.

A preset directory holds `config.json`, `model.weights.h5` (Keras 3: one group a layer, its variables numbered
in the order of their creation; or parts of it, and `model.weights.json`, which names them) and, under
`assets/tokenizer`, the tokenizer's files.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from models.checkpoint.architecture import Architecture, Attention, Checkpoint
from models.checkpoint.vocabulary import Vocabulary
from models.errors import SourceError
from models.sources.fields import Fields, read_json
from models.sources.hugging_face_weights import finite
from models.sources.shapes import check_shapes
from models.tflite.graph import Array

WEIGHTS, INDEX = "model.weights.h5", "model.weights.json"
END = "<|endoftext|>"
EPSILON = 1e-5
"""Of every LayerNorm in KerasHub's GPT2Backbone."""

LAYER = {
    "norm1": "self_attention_layer_norm",
    "q": "self_attention_layer/query_dense",
    "k": "self_attention_layer/key_dense",
    "v": "self_attention_layer/value_dense",
    "o": "self_attention_layer/output_dense",
    "norm2": "feedforward_layer_norm",
    "up": "feedforward_intermediate_dense",
    "down": "feedforward_output_dense",
}


def is_preset(folder: Path) -> bool:
    """Whether a directory is a KerasHub preset."""
    return (folder / WEIGHTS).exists() or (folder / INDEX).exists()


def read_preset(folder: Path) -> Checkpoint:
    """Load a preset directory.

    Raises:
        SourceError: A file is missing or damaged, or the model is no GPT-2.
    """
    config = read_json(folder / "config.json")
    if config.get("class_name", None) != "GPT2Backbone":
        raise SourceError(f"{folder}: holds a {config.get('class_name', None)}; GPT2Backbone is supported")
    arch = _architecture(Fields(config.path, config.object("config")))
    vocabulary, special = _vocabulary(folder / "assets" / "tokenizer", arch.vocabulary)
    weights = _weights(folder, arch)
    check_shapes(folder, arch, weights)
    return Checkpoint(
        name=folder.resolve().name.lower(),
        source=f"{folder.resolve().name} (KerasHub preset)",
        licence="unknown",
        architecture=arch,
        weights=weights,
        vocabulary=vocabulary,
        end_ids=tuple(special.values()),
        chat_template=None,
        special_tokens=special,
    )


def fetch_preset(name: str) -> Checkpoint:
    """Load a preset by its name, e.g. `gpt2_base_en`, from where KerasHub finds it.

    Raises:
        SourceError: KerasHub is not installed, or does not find the preset.
    """
    try:
        from keras_hub.models import GPT2CausalLM
    except ImportError:
        raise SourceError(
            f"{name}: not found; a preset's name needs the extra: pip install .[keras]"
        ) from None
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / name
        try:
            GPT2CausalLM.from_preset(name).save_to_preset(str(folder))
        except Exception as error:  # whatever the hub's client raises
            raise SourceError(f"{name}: no preset that KerasHub can load: {error}") from None
        return read_preset(folder)


def _architecture(config: Fields) -> Architecture:
    heads = config.count("num_heads")
    return Architecture(
        family="gpt2",
        layers=config.count("num_layers"),
        width=config.count("hidden_dim"),
        heads=heads,
        kv_heads=heads,
        head_size=config.head_size("hidden_dim", "num_heads"),
        hidden=config.count("intermediate_dim"),
        vocabulary=config.count("vocabulary_size"),
        context_length=config.count("max_sequence_length"),
        norm="layer",
        norm_epsilon=EPSILON,
        attention=(Attention(),) * config.count("num_layers"),
        scale=config.head_size("hidden_dim", "num_heads") ** -0.5,
        activation="gelu_tanh",
        gated=False,
    )


def _vocabulary(folder: Path, size: int) -> tuple[Vocabulary, dict[str, int]]:
    ids = read_json(folder / "vocabulary.json").values
    if not all(isinstance(i, int) for i in ids.values()) or sorted(ids.values()) != list(range(size)):
        raise SourceError(f"{folder / 'vocabulary.json'}: its ids are not 0 to {size - 1}")
    special = {END: ids[END]} if END in ids else {}
    try:
        lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
        merges = [line.split(" ") for line in lines if line and not line.startswith("#version")]
        tokens = sorted(ids, key=ids.__getitem__)
        vocabulary = Vocabulary.from_letters(tokens, merges, special.values(), digits=False)
    except (OSError, ValueError) as error:
        raise SourceError(f"{folder}: {error}") from None
    return vocabulary, special


def _weights(folder: Path, arch: Architecture) -> dict[str, Array]:
    variables = _variables(folder)

    def take(layer: str, number: int = 0) -> Array:
        name = f"{layer}/vars/{number}"
        if name not in variables:
            raise SourceError(f"{folder}: the variable layers/{name} is missing; saved by another Keras?")
        return variables[name]

    weights = {
        "embedding": take("reversible_embedding"),
        "positions": take("position_embedding"),
        "final_norm": take("layer_normalization"),
        "final_norm.bias": take("layer_normalization", 1),
    }
    for n in range(arch.layers):
        block = "transformer_decoder" + (f"_{n}" if n else "")
        for ours, theirs in LAYER.items():
            kernel, bias = take(f"{block}/{theirs}"), take(f"{block}/{theirs}", 1)
            weights[f"{n}.{ours}.bias"] = bias.reshape(-1)
            if ours in ("norm1", "norm2"):
                weights[f"{n}.{ours}"] = kernel
            else:  # [in, out], either of which may be split into heads
                inputs = arch.hidden if ours == "down" else arch.width
                weights[f"{n}.{ours}"] = np.ascontiguousarray(kernel.reshape(inputs, -1).T)
    return weights


def _variables(folder: Path) -> dict[str, Array]:
    """Every variable, float32, by the names of the groups below `layers` without leading underscores."""
    found: dict[str, Array] = {}
    for path in _files(folder):
        found |= _variables_of(path)
    return found


def _files(folder: Path) -> list[Path]:
    """The one file, or those that the index of a preset in parts names."""
    index = folder / INDEX
    if not index.exists():
        return [folder / WEIGHTS]
    named = read_json(index).object("weight_map").values()
    files = {file for each in named for file in (each if isinstance(each, list) else [each])}
    paths = [folder / str(file) for file in sorted(files, key=str)]
    for path in paths:
        if not path.exists():
            raise SourceError(f"{path}: not found; {INDEX} names it")
    return paths


def _variables_of(path: Path) -> dict[str, Array]:
    import h5py

    found: dict[str, Array] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            short = "/".join(part.lstrip("_") for part in name.split("/"))
            found[short] = _values(path, short, item)

    try:
        with h5py.File(path) as file:
            if "layers" in file or path.name == WEIGHTS:
                file["layers"].visititems(visit)
    except (OSError, KeyError) as error:
        raise SourceError(f"{path}: not readable as Keras 3 weights: {error}") from None
    return found


def _values(path: Path, name: str, dataset: Any) -> Array:
    """One variable; HDF5 knows no bfloat16, so Keras stores its bytes and says so beside them."""
    values = np.asarray(dataset)
    if values.dtype.kind == "V" and dataset.attrs.get("dtype") == "bfloat16":
        values = values.view(ml_dtypes.bfloat16)
    elif values.dtype.kind != "f":
        kind = dataset.attrs.get("dtype", values.dtype)
        raise SourceError(f"{path}: the variable layers/{name} holds {kind}, no float of 16 to 64 bits")
    return finite(path, f"layers/{name}", values.astype(np.float32))
