from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.checkpoint.numpy_decoder import Reference
from models.evaluation.perplexity import measure
from models.quantization.activation_ranges import INPUT_ROOM, PRODUCT_ROOM, fixed_ranges
from models.quantization.constants import scale_queries
from models.tflite.graph import Array
from tests.conftest import Runtime
from tests.tiny import TOY_VOCABULARY, Family, TinyModel, tiny_checkpoint

SEQUENCES = [list(range(1, 200)), list(range(60, 260, 3))]


@pytest.mark.parametrize(
    ("family", "per_layer"), [("llama", ["q+k+v", "o", "gate", "up"]), ("gpt2", ["q+k+v", "o", "up"])]
)
def test_every_matrix_but_down_has_ranges(family: Family, per_layer: list[str]) -> None:
    checkpoint, told = tiny_checkpoint(family, TOY_VOCABULARY), list[float]()
    found = fixed_ranges(checkpoint, SEQUENCES, told.append)
    names = ["+".join(f"{n}.{part}" for part in name.split("+")) for n in range(2) for name in per_layer]
    assert sorted(found) == sorted(names)
    assert told == [0.5, 1.0]
    for name, ranges in found.items():
        rows = sum(len(checkpoint.weights[part]) for part in name.split("+"))
        assert ranges.products.shape == (rows,)
        assert ranges.products.dtype == np.float32


def test_what_the_text_brings_is_inside_and_there_is_room() -> None:
    checkpoint = tiny_checkpoint("llama", TOY_VOCABULARY)
    found = fixed_ranges(checkpoint, SEQUENCES, lambda share: None)
    inputs, products = dict[str, float](), dict[str, Array]()

    def observe(name: str, x: Array, y: Array) -> None:
        inputs[name] = max(inputs.get(name, 0), float(np.abs(x).max()))
        products[name] = np.maximum(products.get(name, np.zeros(1)), np.abs(y).max(0))

    for tokens in SEQUENCES:
        Reference(checkpoint, observe).extend(tokens)
    assert found["1.o"].input == pytest.approx(INPUT_ROOM * inputs["1.o"] / 127)
    reach = products["1.up"]
    assert np.allclose(found["1.up"].products, PRODUCT_ROOM * np.maximum(reach, np.median(reach)) / 127)
    stored = scale_queries(products, checkpoint.architecture)["1.q"]
    assert np.allclose(
        found["1.q+1.k+1.v"].products[: len(stored)],
        PRODUCT_ROOM * np.maximum(stored, np.median(stored)) / 127,
    )


def test_a_product_that_never_moves_has_the_room_of_the_others() -> None:
    checkpoint = tiny_checkpoint("llama", TOY_VOCABULARY)
    checkpoint.weights["0.up"][3] = 0
    products = fixed_ranges(checkpoint, SEQUENCES, lambda share: None)["0.up"].products
    assert products[3] == products.min() > 0


def test_a_file_with_fixed_scales_answers_nearly_as_its_source(
    tiny: Callable[..., TinyModel], runtime: Runtime
) -> None:
    model = tiny("llama", "int8", runtime)
    found = measure(model.path, model.manifest, model.checkpoint, 600, lambda share: None)
    assert found.agreement > 0.6
    assert found.perplexity == pytest.approx(found.reference_perplexity, rel=0.3)
