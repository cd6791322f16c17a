from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import h5py
import ml_dtypes
import numpy as np
import pytest

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.vocabulary import Vocabulary, byte_letters
from models.errors import SourceError
from models.sources import read_checkpoint
from models.sources.keras_preset import LAYER, fetch_preset, read_preset
from tests.tiny import TOY_VOCABULARY, tiny_checkpoint

Write = Callable[..., Path]

VOCABULARY = Vocabulary(
    (*TOY_VOCABULARY.tokens[1:260], b"<|endoftext|>"), TOY_VOCABULARY.merges, frozenset([259]), digits=False
)


@pytest.fixture
def checkpoint() -> Checkpoint:
    found = tiny_checkpoint("gpt2", VOCABULARY)
    return replace(found, architecture=replace(found.architecture, norm_epsilon=1e-5))


def write_preset(folder: Path, checkpoint: Checkpoint, **changes: Any) -> Path:
    """The files of `save_to_preset`, with Keras 3.15's names in the weights."""
    a, w = checkpoint.architecture, checkpoint.weights
    numbers = {
        "vocabulary_size": a.vocabulary,
        "num_layers": a.layers,
        "num_heads": a.heads,
        "hidden_dim": a.width,
        "intermediate_dim": a.hidden,
        "max_sequence_length": a.context_length,
    }
    assets = folder / "assets" / "tokenizer"
    assets.mkdir(parents=True)
    config = {"class_name": "GPT2Backbone", "config": numbers} | changes
    (folder / "config.json").write_text(json.dumps(config))
    letters = {byte: letter for letter, byte in byte_letters().items()}

    def spell(raw: bytes) -> str:
        return "".join(letters[byte] for byte in raw)

    v = checkpoint.vocabulary
    ids = {raw.decode() if i in v.specials else spell(raw): i for i, raw in enumerate(v.tokens)}
    (assets / "vocabulary.json").write_text(json.dumps(ids))
    lines = ["#version: 0.2", *(f"{spell(left)} {spell(right)}" for left, right in v.merges)]
    (assets / "merges.txt").write_text("\n".join(lines) + "\n")
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file["layers/reversible_embedding/vars/0"] = w["embedding"]
        file["layers/position_embedding/vars/0"] = w["positions"]
        file["layers/layer_normalization/vars/0"] = w["final_norm"]
        file["layers/layer_normalization/vars/1"] = w["final_norm.bias"]
        for n in range(a.layers):
            for ours, theirs in LAYER.items():
                kernel, bias = w[f"{n}.{ours}"], w[f"{n}.{ours}.bias"]
                if kernel.ndim == 2:
                    kernel = kernel.T
                if ours in ("q", "k", "v"):
                    kernel, bias = kernel.reshape(a.width, a.heads, -1), bias.reshape(a.heads, -1)
                if ours == "o":
                    kernel = kernel.reshape(a.heads, a.head_size, -1)
                layer = f"layers/transformer_decoder{f'_{n}' if n else ''}/_{theirs}/vars"
                file[f"{layer}/0"], file[f"{layer}/1"] = kernel, bias
    return folder


@pytest.fixture
def preset(tmp_path: Path, checkpoint: Checkpoint) -> Path:
    return write_preset(tmp_path / "Tiny_Preset", checkpoint)


def test_a_preset_is_read_as_it_was_written(preset: Path, checkpoint: Checkpoint) -> None:
    found = read_checkpoint(preset)
    assert found.architecture == checkpoint.architecture
    assert found.weights.keys() == checkpoint.weights.keys()
    assert all(np.array_equal(found.weights[name], w) for name, w in checkpoint.weights.items())
    assert (found.name, found.vocabulary, found.end_ids) == ("tiny_preset", VOCABULARY, (259,))
    assert found.special_tokens == {"<|endoftext|>": 259}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"class_name": "BloomBackbone"}, "holds a BloomBackbone; GPT2Backbone is supported"),
        ({"class_name": None}, "holds a None; GPT2Backbone is supported"),
        ({"config": {}}, "the field num_heads is missing"),
        ({"config": 3}, "config is 3, expected an object"),
    ],
)
def test_another_model_is_named(
    tmp_path: Path, checkpoint: Checkpoint, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SourceError, match=reason):
        read_preset(write_preset(tmp_path / "preset", checkpoint, **changes))


def rewrite(old: Path, new: Path, convert: Callable[[Any], Any], kind: str = "", part: str = "") -> None:
    """Every variable once more whose name has a part, converted, as Keras stores such numbers."""
    with h5py.File(old) as source, h5py.File(new, "w") as target:

        def visit(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and part in name:
                dataset = target.create_dataset(name, data=convert(np.asarray(item)))
                if kind:
                    dataset.attrs["dtype"] = kind

        source.visititems(visit)


@pytest.mark.parametrize("kind", [ml_dtypes.bfloat16, np.float16, np.float64])
def test_other_floats_are_read(preset: Path, checkpoint: Checkpoint, kind: Any) -> None:
    name = "bfloat16" if kind is ml_dtypes.bfloat16 else ""
    weights = preset / "model.weights.h5"
    rewrite(weights, preset / "new", lambda values: values.astype(kind), name)
    (preset / "new").rename(weights)
    found = read_checkpoint(preset).weights["0.up"]
    assert found.dtype == np.float32
    assert np.array_equal(found, checkpoint.weights["0.up"].astype(kind).astype(np.float32))


@pytest.mark.parametrize(
    ("convert", "kind", "reason"),
    [
        (lambda values: values.astype(np.int8), "", "layers/.* holds int8, no float of 16 to 64 bits"),
        (
            lambda values: values.astype(ml_dtypes.float8_e4m3fn),
            "float8_e4m3fn",
            "layers/.* holds float8_e4m3fn, no float of 16 to 64 bits",
        ),
        (lambda values: values * np.nan, "", "layers/.* holds numbers that are not finite"),
    ],
)
def test_variables_that_are_no_finite_floats_are_named(
    preset: Path, convert: Callable[[Any], Any], kind: str, reason: str
) -> None:
    weights = preset / "model.weights.h5"
    rewrite(weights, preset / "new", convert, kind)
    (preset / "new").rename(weights)
    with pytest.raises(SourceError, match=reason):
        read_checkpoint(preset)


def test_a_preset_in_parts_is_read(preset: Path, checkpoint: Checkpoint) -> None:
    whole = preset / "model.weights.h5"
    parts = {"model_00000.weights.h5": "embedding", "model_00001.weights.h5": "layer_normalization"}
    parts["model_00002.weights.h5"] = "transformer_decoder"
    for file, part in parts.items():
        rewrite(whole, preset / file, np.asarray, part=part)
    whole.unlink()
    index = {f"/layers/{part}/vars": [file] for file, part in parts.items()}
    index["/layers/one/vars"] = "model_00000.weights.h5"  # type: ignore[assignment]
    (preset / "model.weights.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    found = read_checkpoint(preset)
    assert all(np.array_equal(found.weights[name], w) for name, w in checkpoint.weights.items())
    (preset / "model_00002.weights.h5").unlink()
    with pytest.raises(
        SourceError, match=r"model_00002\.weights\.h5: not found; model\.weights\.json names it"
    ):
        read_checkpoint(preset)


def test_a_missing_variable_is_named(preset: Path) -> None:
    with h5py.File(preset / "model.weights.h5", "a") as file:
        del file["layers/position_embedding"]
    with pytest.raises(SourceError, match="the variable layers/position_embedding/vars/0 is missing"):
        read_preset(preset)


@pytest.mark.parametrize(
    "name",
    ["model.weights.h5", "config.json", "assets/tokenizer/vocabulary.json", "assets/tokenizer/merges.txt"],
)
def test_a_damaged_file_is_one_line(preset: Path, name: str) -> None:
    (preset / name).write_bytes(b"\xff?")
    with pytest.raises(SourceError) as caught:
        read_preset(preset)
    assert str(preset) in str(caught.value)


def test_a_vocabulary_with_gaps_is_refused(preset: Path) -> None:
    (preset / "assets/tokenizer/vocabulary.json").write_text('{"a": 0, "b": 2}')
    with pytest.raises(SourceError, match=r"vocabulary\.json: its ids are not 0 to 259"):
        read_preset(preset)


def test_a_name_needs_kerashub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub.models", None)
    with pytest.raises(SourceError, match=r"gpt2_base_en: not found; .* pip install \.\[keras\]"):
        read_checkpoint(Path("gpt2_base_en"))


def keras_hub(load: Callable[[str], Any]) -> dict[str, ModuleType]:
    models = ModuleType("keras_hub.models")
    models.GPT2CausalLM = SimpleNamespace(from_preset=load)  # type: ignore[attr-defined]
    return {"keras_hub": ModuleType("keras_hub"), "keras_hub.models": models}


def test_a_name_is_loaded_by_kerashub(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Any:
        return SimpleNamespace(save_to_preset=lambda folder: write_preset(Path(folder), checkpoint))

    for name, module in keras_hub(load).items():
        monkeypatch.setitem(sys.modules, name, module)
    found = fetch_preset("gpt2_base_en")
    assert (found.name, found.architecture) == ("gpt2_base_en", checkpoint.architecture)


def test_a_name_that_kerashub_does_not_find_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Any:
        raise ValueError("Unknown preset")

    for name, module in keras_hub(load).items():
        monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(SourceError, match="gpt3: no preset that KerasHub can load: Unknown preset"):
        fetch_preset("gpt3")
