from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from models.errors import BuildError
from models.quantization.constants import Parameters
from models.quantization.rounding import Dtype, Ranges, Scheme, quantize_matrix
from models.tflite.graph import Array, Model, Tensor
from tests.conftest import Runtime
from tests.tiny import stored

Compile = Callable[..., Callable[..., Array]]

RNG = np.random.Generator(np.random.PCG64(1))
WEIGHTS: dict[str, Array] = {
    "embedding": RNG.standard_normal((50, 32), np.float32),
    "a": RNG.standard_normal((8, 32), np.float32),
    "b": RNG.standard_normal((16, 32), np.float32) * 5,
    "a.bias": RNG.standard_normal(8, np.float32),
    "b.bias": RNG.standard_normal(16, np.float32),
    "gain": RNG.standard_normal(32, np.float32),
}
X = RNG.standard_normal((6, 32), np.float32)
IDS = np.array([3, 49, 0, 3], np.int32)


@pytest.fixture(params=["float32", "float16", "int8"])
def scheme(request: pytest.FixtureRequest, runtime: Runtime) -> Scheme:
    """As the build chooses it for the runtime."""
    return Scheme(request.param, request.param, classic=runtime == "tflite-runtime")


def relative_error(found: Array, expected: Array) -> float:
    return float(np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean()))


def test_a_product_is_that_of_the_stored_matrix(compiled: Compile, scheme: Scheme) -> None:
    parameters = Parameters(WEIGHTS, scheme)
    found = compiled(lambda x: parameters.linear(x.graph, "a", x), X)(X)
    expected = X @ stored(WEIGHTS["a"], scheme).T + WEIGHTS["a.bias"]
    # an int8 product rounds the activations as well
    assert relative_error(found, expected) < (0.01 if scheme.dtype == "int8" else 1e-5)


def test_a_weight_that_the_files_format_cannot_hold_is_refused_and_named() -> None:
    weights = WEIGHTS | {"a": np.full((8, 32), 1e5, np.float32)}
    graph = Model("test").subgraph("f")
    with pytest.raises(BuildError, match=r"^a: 100000 is no float16 number"):
        Parameters(weights, Scheme("float16", "float16")).linear(graph, "a", graph.input("x", [1, 32]))


def test_joined_matrices_give_the_products_side_by_side(compiled: Compile, scheme: Scheme) -> None:
    parameters = Parameters(WEIGHTS, scheme)
    joined = compiled(lambda x: parameters.linear(x.graph, "a+b", x), X)(X)
    alone = [compiled(lambda x, n=n: parameters.linear(x.graph, n, x), X)(X) for n in "ab"]
    assert np.abs(joined - np.concatenate(alone, 1)).max() < 1e-4


def test_joined_matrices_are_one_product(scheme: Scheme) -> None:
    graph = Model("test").subgraph("f")
    Parameters(WEIGHTS, scheme).linear(graph, "a+b", graph.input("x", [1, 32]))
    matrices = [tuple(tensor.shape) for tensor in graph.finish().tensors if len(tensor.shape) == 2]
    assert matrices.count((24, 32)) == (2 if scheme.dtype == "float16" else 1)  # as stored and as float32


def test_the_embedding_gives_rows_of_the_stored_table(compiled: Compile, scheme: Scheme) -> None:
    parameters = Parameters(WEIGHTS, scheme)
    found = compiled(lambda ids: parameters.embedding(ids.graph, ids), IDS)(IDS)
    assert np.allclose(found, stored(WEIGHTS["embedding"], scheme)[IDS], rtol=1e-6)


def test_the_logits_matrix_is_the_embedding_unless_there_is_a_head(compiled: Compile, scheme: Scheme) -> None:
    head = {"head": WEIGHTS["embedding"][::-1].copy()}
    tied, untied = Parameters(WEIGHTS, scheme), Parameters(WEIGHTS | head, scheme)
    logits = [
        compiled(lambda x, p=parameters: p.linear(x.graph, "head", x), X)(X) for parameters in (tied, untied)
    ]
    assert relative_error(logits[0], X @ WEIGHTS["embedding"].T) < 0.02
    assert np.abs(logits[0] - logits[1][:, ::-1]).max() < 1e-4


def test_a_tied_table_is_stored_once(scheme: Scheme) -> None:
    model = Model("test")
    graph = model.subgraph("f")
    parameters = Parameters(WEIGHTS, scheme)
    parameters.embedding(graph, graph.input("ids", [1], "int32"))
    size = len(model.pack())
    parameters.linear(graph, "head", graph.input("x", [1, 32]))
    assert len(model.pack()) - size < 1000


def test_vectors_are_stored_in_single_precision(compiled: Compile, scheme: Scheme) -> None:
    def write(x: Tensor) -> Any:
        return x * Parameters(WEIGHTS, scheme).vector(x.graph, "gain")

    assert np.array_equal(compiled(write, X)(X), X * WEIGHTS["gain"])


def test_a_matrix_without_a_bias_has_none(compiled: Compile, scheme: Scheme) -> None:
    plain = {name: weight for name, weight in WEIGHTS.items() if not name.endswith(".bias")}
    parameters = Parameters(plain, scheme)
    zeros = np.zeros_like(X)
    assert not compiled(lambda x: parameters.linear(x.graph, "a+b", x), zeros)(zeros).any()


def test_an_unknown_name_is_refused() -> None:
    graph = Model("test").subgraph("f")
    with pytest.raises(KeyError, match="c"):
        Parameters(WEIGHTS, Scheme("float32", "float32")).linear(graph, "a+c", graph.input("x", [1, 32]))


def test_a_product_with_fixed_scales_is_that_of_rounded_numbers(compiled: Compile, runtime: Runtime) -> None:
    """Input, weight and product are multiples of their levels; a kernel may round a half the other way."""
    scheme = Scheme("int8", "int8", fixed=True, classic=runtime == "tflite-runtime")
    weight = quantize_matrix("a", WEIGHTS["a"], "int8")
    ranges = Ranges(4 / 127, np.linspace(0.2, 0.4, 8, dtype=np.float32))
    parameters = Parameters(WEIGHTS, scheme, {"a": weight}, {"a": ranges})
    found = compiled(lambda x: parameters.linear(x.graph, "a", x), X)(X)
    x = np.clip(np.rint(X / ranges.input), -128, 127) * ranges.input
    products = x @ (weight.values * weight.scales[:, None]).T
    levels = np.clip(np.rint(products / ranges.products), -128, 127)
    off = np.abs((found - WEIGHTS["a.bias"]) / ranges.products - levels)
    assert off.max() < 1.01
    assert (off > 0.5).mean() < 0.05


def test_numbers_beyond_their_range_are_cut_off(compiled: Compile, runtime: Runtime) -> None:
    scheme = Scheme("int8", "int8", fixed=True, classic=runtime == "tflite-runtime")
    weight = quantize_matrix("a", WEIGHTS["a"], "int8")
    ranges = Ranges(1.0, np.full(8, 0.01, np.float32))
    plain = {"a": WEIGHTS["a"]}
    parameters = Parameters(plain, scheme, {"a": weight}, {"a": ranges})
    far = 1e6 * np.sign(X)
    found = compiled(lambda x: parameters.linear(x.graph, "a", x), far)(far)
    assert (np.abs(found) <= 1.28 + 1e-6).all()
    assert np.abs(found).max() == pytest.approx(1.28, abs=0.011)


@pytest.mark.parametrize(
    ("dtype", "bytes_"),
    [("float32", 4 * 256), ("float16", 2 * 256), ("int8", 256 + 4 * 8), ("int4", 128 + 4 * 8)],
)
def test_bytes_are_counted_once_however_often_a_weight_is_read(dtype: Dtype, bytes_: int) -> None:
    model = Model("test")
    parameters = Parameters(WEIGHTS, Scheme(dtype, "int8"))
    for name in ("f", "g"):
        graph = model.subgraph(name)
        parameters.linear(graph, "a", graph.input("x", [1, 32]))
    assert parameters.bytes == bytes_ + 4 * 8  # and the bias
