from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.numpy_decoder import Reference
from models.quantization.rotation import rotate, spread
from tests.tiny import TOY_VOCABULARY, Family, tiny_checkpoint

TOKENS = [5, 90, 17, 200, 5, 33, 0, 260]


@pytest.fixture(params=["llama", "gpt2"])
def family(request: pytest.FixtureRequest) -> Family:
    family: Family = request.param
    return family


def with_head(checkpoint: Checkpoint) -> Checkpoint:
    rng = np.random.Generator(np.random.PCG64(7))
    head = rng.standard_normal(checkpoint.weights["embedding"].shape, np.float32)
    return replace(checkpoint, weights={**checkpoint.weights, "head": head})


@pytest.mark.parametrize("tied", [True, False])
def test_a_rotated_checkpoint_computes_the_same(family: Family, tied: bool) -> None:
    checkpoint = tiny_checkpoint(family, TOY_VOCABULARY)
    checkpoint = checkpoint if tied else with_head(checkpoint)
    rotated = rotate(checkpoint)
    assert ("head_mix" in rotated.weights) == tied
    expected = Reference(checkpoint).extend(TOKENS)
    assert np.abs(Reference(rotated).extend(TOKENS) - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("tied", [True, False])
def test_where_norms_stand_behind_a_layer_only_the_tables_are_rotated(family: Family, tied: bool) -> None:
    checkpoint = tiny_checkpoint(family, TOY_VOCABULARY)
    arch = replace(checkpoint.architecture, post_norm=True)
    gain = np.linspace(0.5, 2, arch.width, dtype=np.float32)
    behind = {f"{n}.{norm}": gain for n in range(arch.layers) for norm in ("post1", "post2")}
    checkpoint = replace(checkpoint, architecture=arch, weights={**checkpoint.weights, **behind})
    checkpoint = checkpoint if tied else with_head(checkpoint)
    rotated = rotate(checkpoint)
    assert {"embedding_mix", "head_mix", "down_mix", "0.norm1", "0.post1"} <= rotated.weights.keys()
    expected = Reference(checkpoint).extend(TOKENS)
    assert np.abs(Reference(rotated).extend(TOKENS) - expected).max() < 1e-3 * np.abs(expected).max()


def test_norms_have_no_gain_and_no_bias_left(family: Family) -> None:
    rotated = rotate(tiny_checkpoint(family, TOY_VOCABULARY))
    assert rotated.architecture.norm == "rms"
    assert [name for name in rotated.weights if "norm" in name] == []


def test_the_checkpoint_is_not_changed(family: Family) -> None:
    checkpoint, untouched = (tiny_checkpoint(family, TOY_VOCABULARY) for _ in range(2))
    rotate(checkpoint)
    assert checkpoint.weights.keys() == untouched.weights.keys()
    assert all(np.array_equal(checkpoint.weights[name], w) for name, w in untouched.weights.items())


def test_a_large_dimension_is_spread_over_all() -> None:
    outlier = np.zeros(576, np.float32)
    outlier[3] = 100
    assert np.abs(outlier @ spread(576)).max() < 100 * (2 / 576) ** 0.5 * 1.001


@pytest.mark.parametrize("size", [1, 16, 64, 576])
def test_the_matrix_is_orthogonal(size: int) -> None:
    assert np.abs(spread(size) @ spread(size).T - np.eye(size)).max() < 1e-5
