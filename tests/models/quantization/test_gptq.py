from __future__ import annotations

import numpy as np
import pytest

from models.quantization.constants import scale_queries
from models.quantization.gptq import round_layers
from models.quantization.rounding import Scheme, quantize_matrix
from models.tflite.graph import Array, Quantized
from tests.tiny import TOY_VOCABULARY, Family, tiny_checkpoint

SEQUENCES = [list(range(1, 200)), list(range(60, 260, 3))]
SCHEME = Scheme("int8", "int8")


def numbers(weight: Quantized) -> Array:
    found: Array = weight.values * weight.scales[:, None]
    return found


@pytest.mark.parametrize(
    ("family", "per_layer"),
    [("llama", {"q+k+v", "o", "gate", "up", "down"}), ("gpt2", {"q+k+v", "o", "up", "down"})],
)
def test_every_matrix_of_every_layer_is_rounded(family: Family, per_layer: set[str]) -> None:
    checkpoint, told = tiny_checkpoint(family, TOY_VOCABULARY), list[float]()
    found = round_layers(checkpoint, SCHEME, SEQUENCES, told.append)
    names = {"+".join(f"{n}.{part}" for part in name.split("+")) for n in range(2) for name in per_layer}
    assert found.keys() == names
    assert told == [0.5, 1.0]
    stored = scale_queries(checkpoint.weights, checkpoint.architecture)
    for name, weight in found.items():
        rows = np.concatenate([stored[part] for part in name.split("+")])
        nearest = quantize_matrix(name, rows, "int8")
        assert np.array_equal(weight.scales, nearest.scales)
        assert np.abs(numbers(weight) - rows).max() < 8 * weight.scales.max()
        assert not np.array_equal(weight.values, nearest.values)


def test_the_text_decides_what_is_rounded_how() -> None:
    checkpoint = tiny_checkpoint("llama", TOY_VOCABULARY)
    first, again, other = (
        round_layers(checkpoint, SCHEME, sequences, lambda share: None)
        for sequences in (SEQUENCES, SEQUENCES, [[7] * 100])
    )
    assert all(np.array_equal(first[name].values, again[name].values) for name in first)
    assert any(not np.array_equal(first[name].values, other[name].values) for name in first)
