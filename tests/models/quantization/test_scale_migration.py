from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.numpy_decoder import Reference, pass_through
from models.quantization.scale_migration import migrate
from models.tflite.graph import Array
from tests.tiny import TOY_VOCABULARY, Family, tiny_checkpoint

TOKENS = [5, 90, 17, 200, 5, 33, 0, 260]
LARGE = 3


def with_large_dimension(family: Family) -> Checkpoint:
    """One dimension comes out of each norm forty times too large; its weights are that much smaller."""
    checkpoint = tiny_checkpoint(family, TOY_VOCABULARY)
    weights = {name: weight.copy() for name, weight in checkpoint.weights.items()}
    for name, weight in weights.items():
        match name.split(".")[1:]:
            case ["norm1" | "norm2", *_]:
                weight[LARGE] *= 40
            case ["q" | "k" | "v" | "up" | "gate"]:
                weight[:, LARGE] /= 40
    return replace(checkpoint, weights=weights)


def spread_of_inputs(checkpoint: Checkpoint) -> float:
    """How much larger the largest dimension of a matrix's input is than the median one, at most."""
    found = [0.0]

    def observe(name: str, x: Array, product: Array) -> None:
        if name.endswith((".q", ".up")):
            largest = np.abs(x[1:]).max(0)
            found.append(float(largest.max() / np.median(largest)))

    for _ in pass_through(checkpoint, [TOKENS], observe):
        pass
    return max(found)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_large_dimension_becomes_as_large_as_the_others(family: Family) -> None:
    checkpoint = with_large_dimension(family)
    assert spread_of_inputs(checkpoint) > 20
    assert spread_of_inputs(migrate(checkpoint, [TOKENS])) < 5


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_what_is_computed_stays_the_same(family: Family) -> None:
    checkpoint = with_large_dimension(family)
    expected = Reference(checkpoint).extend(TOKENS)
    found = Reference(migrate(checkpoint, [TOKENS])).extend(TOKENS)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_norm_without_a_gain_gets_one() -> None:
    checkpoint = tiny_checkpoint("llama", TOY_VOCABULARY)
    weights = {name: weight for name, weight in checkpoint.weights.items() if "norm" not in name}
    checkpoint = replace(checkpoint, weights=weights)
    migrated = migrate(checkpoint, [TOKENS])
    assert {"0.norm1", "1.norm2"} <= migrated.weights.keys()
    expected = Reference(checkpoint).extend(TOKENS)
    assert np.abs(Reference(migrated).extend(TOKENS) - expected).max() < 1e-4 * np.abs(expected).max()
