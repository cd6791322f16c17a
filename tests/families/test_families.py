"""Small models of each family from Hugging Face's folders, beside what transformers computed for them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from app.engine.worker.offline import complete_greedily
from models.checkpoint.architecture import Architecture
from models.checkpoint.numpy_decoder import Reference
from models.sources.families import FAMILIES
from models.sources.hugging_face import read_hugging_face
from tests.families.folders import Expected, read_expected, read_published, write_folder
from tests.families.tensors import make_tensors
from tests.tiny import build_tiny

pytestmark = pytest.mark.slow

EXPECTED = read_expected()
BUILT = [name for name in EXPECTED if name not in read_published()]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_family_continues_a_text_as_transformers_does(name: str, tmp_path: Path) -> None:
    expected = EXPECTED[name]
    reference = Reference(read_hugging_face(write_folder(tmp_path / "model", expected)))
    logits = reference.extend(expected.prompt)[-1][: len(expected.logits)]
    assert np.abs(logits - np.array(expected.logits)).max() < 1e-3 * np.abs(expected.logits).max()
    assert reference.greedy(expected.prompt, len(expected.greedy), ()) == expected.greedy


@pytest.mark.parametrize("name", BUILT)
def test_a_familys_file_continues_a_text_as_transformers_does(
    name: str, tmp_path: Path, text_ops: Path
) -> None:
    expected = EXPECTED[name]
    checkpoint = read_hugging_face(write_folder(tmp_path / "model", expected))
    length = min(256, checkpoint.architecture.context_length)
    model = build_tiny(tmp_path / "file", checkpoint, text_ops, sequence_length=length)
    endless = model.manifest.model_copy(update={"end_ids": ()})
    (found,) = complete_greedily(model.path, endless, [expected.prompt], len(expected.greedy))
    assert found == expected.greedy


def test_a_language_model_beside_one_of_images_is_read_as_alone(tmp_path: Path) -> None:
    expected = EXPECTED["SmolLM2-135M"]
    alone = write_folder(tmp_path / "alone", expected)
    beside = write_folder(tmp_path / "beside", expected)
    config = {"model_type": "smolvlm", "text_config": expected.config, "vision_config": {"image_size": 8}}
    (beside / "config.json").write_text(json.dumps(config))
    tensors = {
        name.replace("model.", "model.text_model."): values
        for name, values in make_tensors(expected.shapes).items()
    }
    others = ("model.vision_model.embeddings.weight", "model.connector.modality_projection.proj.weight")
    tensors |= {name: np.zeros((2, 2), np.float32) for name in others}
    save_file(tensors, beside / "model.safetensors")
    first, second = read_hugging_face(alone), read_hugging_face(beside)
    assert second.architecture == first.architecture
    assert {*second.weights} == {*first.weights}
    assert all((second.weights[name] == first.weights[name]).all() for name in first.weights)


def test_what_is_null_is_not_what_is_left_out(tmp_path: Path) -> None:
    capped, plain = EXPECTED["gemma-2-2b"], EXPECTED["gemma-2 without caps"]
    caps = [
        (architecture.score_cap, architecture.logit_cap)
        for config in (capped.config, plain.config, _without(plain.config, "_logit_softcapping"))
        for architecture in [_architecture(tmp_path, replace(plain, config=config))]
    ]
    assert caps == [(50, 30), (0, 0), (50, 30)]
    windowless = EXPECTED["Mistral-7B-v0.3"]
    windows = [
        {each.window for each in _architecture(tmp_path, replace(windowless, config=config)).attention}
        for config in (windowless.config, _without(windowless.config, "sliding_window"))
    ]
    assert windows == [{0}, {4096}]


def _without(config: dict[str, Any], ending: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if not name.endswith(ending)}


def _architecture(folder: Path, expected: Expected) -> Architecture:
    return read_hugging_face(write_folder(folder / "model", expected)).architecture


def test_every_family_is_compared() -> None:
    assert {each.config["model_type"] for each in EXPECTED.values()} | {"gemma3"} == set(FAMILIES)
