from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.tflite import ops, sequence_ops
from models.tflite.graph import Array, Graph, Model, Tensor

Compile = Callable[..., Callable[..., Array]]
Floats = npt.NDArray[np.float32]

A = np.random.Generator(np.random.PCG64(1)).standard_normal((2, 3, 4), np.float32)
B = np.random.Generator(np.random.PCG64(2)).standard_normal((2, 3, 4), np.float32)


def close(found: Array, expected: Array) -> bool:
    return found.shape == expected.shape and bool(np.allclose(found, expected, rtol=1e-5, atol=1e-6))


def gelu(x: Floats) -> Floats:
    inner: Floats = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    return (0.5 * x * (1 + np.tanh(inner))).astype(np.float32)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        pytest.param(ops.exp, np.exp(A), id="exp"),
        pytest.param(ops.tanh, np.tanh(A), id="tanh"),
        pytest.param(ops.logistic, 1 / (1 + np.exp(-A)), id="logistic"),
        pytest.param(lambda x: ops.rsqrt(x * x), 1 / np.abs(A), id="rsqrt"),
        pytest.param(lambda x: ops.gelu(x, approximate=True), gelu(A), id="gelu"),
        pytest.param(ops.mean, A.mean(-1, keepdims=True), id="mean"),
        pytest.param(ops.total, A.sum(-1, keepdims=True), id="total"),
        pytest.param(ops.largest, A.max(-1, keepdims=True), id="largest"),
        pytest.param(ops.softmax, np.exp(A) / np.exp(A).sum(-1, keepdims=True), id="softmax"),
        pytest.param(ops.argmax, A.argmax(-1).astype(np.int32), id="argmax"),
        pytest.param(ops.shape, np.array([2, 3, 4], np.int32), id="shape"),
        pytest.param(lambda x: ops.maximum(x, 0.1), np.maximum(A, 0.1), id="maximum"),
        pytest.param(lambda x: ops.reshape(x, [4, -1]), A.reshape(4, 6), id="reshape"),
        pytest.param(lambda x: ops.transpose(x, [2, 0, 1]), A.transpose(2, 0, 1), id="transpose"),
        pytest.param(lambda x: ops.slice_(x, [0, 1, 0], [-1, 2, 3]), A[:, 1:, :3], id="slice"),
        pytest.param(ops.all_but_last, A[:-1], id="all but last"),
        pytest.param(lambda x: ops.split(x, 2)[1], A[..., 2:], id="split"),
        pytest.param(lambda x: ops.cast(x * 10.0, "int32"), (A * 10).astype(np.int32), id="cast"),
    ],
)
def test_an_operator_of_one_tensor_is_numpys(compiled: Compile, write: Any, expected: Array) -> None:
    assert close(compiled(write, A)(A), expected)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        pytest.param(ops.maximum, np.maximum(A, B), id="maximum"),
        pytest.param(lambda a, b: ops.concat([a, b, a], 1), np.concatenate([A, B, A], 1), id="concat"),
        pytest.param(lambda a, b: ops.concat([a, b], -1), np.concatenate([A, B], -1), id="concat at the end"),
        pytest.param(
            lambda a, b: ops.batch_matmul(a, b, transpose_b=True), A @ B.transpose(0, 2, 1), id="batch_matmul"
        ),
        pytest.param(
            lambda a, b: ops.batch_matmul(a, ops.transpose(b, [0, 2, 1])),
            A @ B.transpose(0, 2, 1),
            id="untransposed",
        ),
    ],
)
def test_an_operator_of_two_tensors_is_numpys(compiled: Compile, write: Any, expected: Array) -> None:
    assert close(compiled(write, A, B)(A, B), expected)


def test_a_product_of_matrices_broadcasts_the_batch(compiled: Compile) -> None:
    run = compiled(lambda a, b: ops.batch_matmul(a, b), A, B[:1].transpose(0, 2, 1))
    assert close(run(A, B[:1].transpose(0, 2, 1)), A @ B[:1].transpose(0, 2, 1))


@pytest.mark.parametrize("biased", [False, True])
def test_fully_connected_multiplies_by_the_transposed_weight(compiled: Compile, biased: bool) -> None:
    weight, bias = B[0], np.array([1, 2, 3], np.float32)

    def write(x: Tensor) -> Tensor:
        g = x.graph
        return ops.fully_connected(x, g.constant(weight), g.constant(bias) if biased else None, version=1)

    assert close(compiled(write, A)(A), A @ weight.T + (bias if biased else 0))


@pytest.mark.parametrize("axis", [0, 1])
def test_gather_takes_rows_along_an_axis(compiled: Compile, axis: int) -> None:
    indices = np.array([[1, 0], [1, 1]], np.int32)

    def write(table: Tensor, indices: Tensor) -> Tensor:
        return ops.gather(table, indices, axis=axis)

    assert close(compiled(write, A, indices)(A, indices), np.take(A, indices, axis))


def test_embedding_lookup_takes_rows(compiled: Compile) -> None:
    ids = np.array([2, 0, 2, 1], np.int32)
    run = compiled(lambda x: ops.embedding_lookup(x, x.graph.constant(A[0]), version=1), ids)
    assert np.array_equal(run(ids), A[0][ids])


def test_half_precision_constants_are_widened(compiled: Compile) -> None:
    half = B.astype(np.float16)
    run = compiled(lambda x: x + ops.dequantize(x.graph.constant(half)), A)
    assert close(run(A), A + half.astype(np.float32))


def test_arange_counts_as_far_as_it_is_told(compiled: Compile) -> None:
    number = np.array([5], np.int32)
    assert compiled(ops.arange, number)(number).tolist() == [0, 1, 2, 3, 4]
    nothing = np.array([0], np.int32)
    assert compiled(lambda count: ops.shape(ops.arange(count)), nothing)(nothing).tolist() == [0]


def test_fill_is_one_number_everywhere(compiled: Compile) -> None:
    run = compiled(lambda x: x + ops.fill(x.graph, [2, 3, 4], 1.5), A)
    assert close(run(A), A + np.float32(1.5))


def test_a_block_is_overwritten(compiled: Compile) -> None:
    start = np.array([1, 0, 2], np.int32)
    run = compiled(ops.dynamic_update_slice, A, B[:1, :2, :2], start)
    expected = A.copy()
    expected[1:2, 0:2, 2:4] = B[:1, :2, :2]
    assert np.array_equal(run(A, B[:1, :2, :2], start), expected)


@pytest.mark.parametrize("rounds", [0, 1, 7])
def test_a_loop_runs_while_its_condition_holds(compiled: Compile, rounds: int) -> None:
    def write(limit: Tensor) -> Tensor:
        model = limit.graph.model
        state = [limit.graph.constant([0], "int32"), limit.graph.constant([1.0], "float32"), limit]
        return ops.while_loop(condition(model.subgraph("condition")), body(model.subgraph("body")), state)[1]

    def inputs(g: Graph) -> list[Tensor]:
        return [g.input("count", [1], "int32"), g.input("value", [1]), g.input("limit", [-1], "int32")]

    def condition(g: Graph) -> Graph:
        count, _, limit = inputs(g)
        g.output("going_on", sequence_ops.less(count, limit))
        return g

    def body(g: Graph) -> Graph:
        count, value, limit = inputs(g)
        for name, tensor in (("count", count + 1), ("value", value * 2.0), ("limit", limit)):
            g.output(name, tensor)
        return g

    limit = np.array([rounds], np.int32)
    assert compiled(write, limit)(limit).tolist() == [2.0**rounds]


@pytest.mark.parametrize(
    ("write", "shape"),
    [
        (lambda x: ops.concat([x, x], 1), (-1, 6, 4)),
        (lambda x: ops.concat([x, x], 0), (-1, 3, 4)),
        (lambda x: ops.slice_(x, [0, 1, 0], [-1, -1, 2]), (-1, 2, 2)),
        (lambda x: ops.transpose(x, [1, 0, 2]), (3, -1, 4)),
        (lambda x: ops.batch_matmul(x, x, transpose_b=True), (-1, 3, 3)),
        (lambda x: ops.total(x), (-1, 3, 1)),
        (lambda x: ops.argmax(x), (-1, 3)),
        (lambda x: ops.split(x, 4)[3], (-1, 3, 1)),
        (lambda x: ops.gather(x, ops.shape(x)), (3, 3, 4)),
    ],
)
def test_the_shape_of_a_result_is_known_as_far_as_can_be(write: Any, shape: tuple[int, ...]) -> None:
    assert write(Model("test").subgraph("f").input("x", [-1, 3, 4])).shape == shape


def test_the_largest_come_first_with_their_places(compiled: Compile) -> None:
    def write(x: Tensor) -> Tensor:
        values, places = ops.top_k(x, 3)
        return ops.concat([values, ops.cast(places, "float32")], -1)

    found = compiled(write, A)(A)
    order = np.argsort(-A, axis=-1)[..., :3]
    assert np.array_equal(found[..., 3:], order)
    assert np.array_equal(found[..., :3], np.take_along_axis(A, order, -1))
