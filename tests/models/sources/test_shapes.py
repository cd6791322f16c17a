from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import SourceError
from models.sources.shapes import check_shapes
from tests.tiny import ARCHITECTURES, TOY_VOCABULARY, Family, tiny_checkpoint


@pytest.mark.parametrize("family", ARCHITECTURES)
def test_weights_of_the_described_shape_pass(family: Family) -> None:
    checkpoint = tiny_checkpoint(family, TOY_VOCABULARY)
    check_shapes(Path("file"), checkpoint.architecture, checkpoint.weights)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"vocabulary": 262}, r"the weight embedding has shape \(261, 64\), expected \(262, 64\)"),
        ({"context_length": 256}, r"the weight positions has shape \(512, 64\), expected \(256, 64\)"),
        ({"hidden": 64}, r"the weight 0.up has shape \(128, 64\), expected \(64, 64\)"),
        ({"heads": 2}, r"the weight 0.q has shape \(64, 64\), expected \(32, 64\)"),
        ({"kv_heads": 2}, r"the weight 0.k has shape \(64, 64\), expected \(32, 64\)"),
        ({"head_size": 8}, r"the weight 0.q has shape \(64, 64\), expected \(32, 64\)"),
    ],
)
def test_a_weight_of_another_shape_is_named(change: dict[str, Any], reason: str) -> None:
    checkpoint = tiny_checkpoint("gpt2", TOY_VOCABULARY)
    with pytest.raises(SourceError, match=f"^file: {reason}$"):
        check_shapes(Path("file"), replace(checkpoint.architecture, **change), checkpoint.weights)


@pytest.mark.parametrize("name", ["0.norm1", "0.q.bias", "1.up.bias", "final_norm"])
def test_a_vector_of_another_length_is_named(name: str) -> None:
    checkpoint = tiny_checkpoint("gpt2", TOY_VOCABULARY)
    weights = {**checkpoint.weights, name: np.ones(7, np.float32)}
    with pytest.raises(SourceError, match=rf"^file: the weight {name} has shape \(7,\), expected"):
        check_shapes(Path("file"), checkpoint.architecture, weights)
