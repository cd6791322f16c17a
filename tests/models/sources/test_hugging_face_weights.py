from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from models.checkpoint.architecture import Checkpoint
from models.errors import SourceError
from models.sources import read_checkpoint
from tests.models.sources.test_hugging_face import tensors, write_folder
from tests.tiny import TOY_VOCABULARY, tiny_checkpoint

Write = Callable[..., Path]


@pytest.fixture
def llama() -> Checkpoint:
    return tiny_checkpoint("llama", TOY_VOCABULARY)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return partial(write_folder, tmp_path)


def test_an_index_decides_which_files_are_read(llama: Checkpoint, write: Write) -> None:
    folder, whole = write(llama), tensors(llama)
    save_file({name: w * 0 for name, w in whole.items()}, folder / "model.safetensors")  # a stale one
    save_file(whole, folder / "model-00001-of-00001.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": dict.fromkeys(whole, "model-00001-of-00001.safetensors")}))
    assert np.array_equal(read_checkpoint(folder).weights["0.up"], llama.weights["0.up"])
    index.write_text(json.dumps({"weight_map": dict.fromkeys(whole, "model-00001-of-00002.safetensors")}))
    with pytest.raises(
        SourceError, match=r"of-00002\.safetensors: not found; model\.safetensors\.index\.json na"
    ):
        read_checkpoint(folder)
    more = {**dict.fromkeys(whole, "model-00001-of-00001.safetensors"), "lm_head.weight": "model.safetensors"}
    index.write_text(json.dumps({"weight_map": more}))
    with pytest.raises(SourceError, match=r"model\.safetensors: the tensor lm_head\.weight is missing"):
        read_checkpoint(folder)


@pytest.mark.parametrize("beside", ["adapter_model.safetensors", "consolidated.safetensors"])
def test_other_weights_beside_are_not_read(llama: Checkpoint, write: Write, beside: str) -> None:
    folder = write(llama)
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    save_file({name: w * 0 for name, w in tensors(llama).items()}, folder / beside)
    assert np.array_equal(read_checkpoint(folder).weights["0.up"], llama.weights["0.up"])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ml_dtypes.float8_e4m3fn, "F8_E4M3"),
        (ml_dtypes.float8_e5m2, "F8_E5M2"),
        (np.int32, "I32"),
        (np.int8, "I8"),
    ],
)
def test_weights_that_are_no_floats_are_named(llama: Checkpoint, write: Write, kind: Any, name: str) -> None:
    more = {"model.norm.weight": np.ones(64, np.float32).astype(kind)}
    with pytest.raises(
        SourceError, match=rf"the tensor model\.norm\.weight holds {name}, no float of 16 to 64"
    ):
        read_checkpoint(write(llama, more=more))


def test_doubles_are_narrowed(llama: Checkpoint, write: Write) -> None:
    more = {"model.norm.weight": np.full(64, 1.5, np.float64)}
    found = read_checkpoint(write(llama, more=more)).weights["final_norm"]
    assert found.dtype == np.float32
    assert found.tolist() == [1.5] * 64


def test_weights_that_are_not_finite_are_named(llama: Checkpoint, write: Write) -> None:
    broken = np.ones(64, np.float32)
    broken[3] = np.nan
    found = read_checkpoint(write(llama, more={"model.norm.weight": broken})).weights
    with pytest.raises(SourceError, match=r"model\.norm\.weight holds numbers that are not finite"):
        found["final_norm"]
