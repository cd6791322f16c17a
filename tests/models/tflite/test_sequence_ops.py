from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.tflite import sequence_ops as ops
from models.tflite.graph import Graph, Model, Tensor
from tests.models.conftest import Evaluate

LARGEST = 2**31 - 1


@pytest.mark.parametrize(
    ("operator", "right", "expected"),
    [
        (ops.equal, 2, [False, True, False]),
        (ops.not_equal, 2, [True, False, True]),
        (ops.less, 2, [True, False, False]),
        (ops.greater, 2, [False, False, True]),
        (ops.minimum, 2, [1, 2, 2]),
        (ops.floor_mod, 2, [1, 0, 1]),
    ],
)
def test_elementwise_operators_take_numbers_and_tensors(
    evaluate: Evaluate, operator: Any, right: int, expected: list[Any]
) -> None:
    assert evaluate(lambda x: operator(x, right), [1, 2, 3]) == expected
    assert evaluate(operator, [1, 2, 3], [right] * 3) == expected


def test_a_remainder_has_the_divisors_sign(evaluate: Evaluate) -> None:
    assert evaluate(lambda x: ops.floor_mod(x, 5), [-1, -5, 7]) == [4, 0, 2]


def test_conditions_combine(evaluate: Evaluate) -> None:
    assert evaluate(lambda x: ops.both(ops.greater(x, 1), ops.less(x, 3)), [1, 2, 3]) == [False, True, False]
    assert evaluate(lambda x: ops.either(ops.less(x, 2), ops.equal(x, 3)), [1, 2, 3]) == [True, False, True]


def test_select_takes_a_tensor_or_a_number_where_the_condition_fails(evaluate: Evaluate) -> None:
    assert evaluate(lambda x: ops.select(ops.less(x, 2), x, 9), [1, 2, 3]) == [1, 9, 9]
    assert evaluate(lambda x, y: ops.select(ops.less(x, 2), x, y), [1, 2, 3], [4, 5, 6]) == [1, 5, 6]


def test_cumsum_includes_the_element_itself(evaluate: Evaluate) -> None:
    assert evaluate(ops.cumsum, [3, 0, -1, 5]) == [3, 3, 2, 7]


@pytest.mark.parametrize(("values", "expected"), [([4, 2, 3], [2]), ([], [LARGEST])])
def test_lowest_of_nothing_is_the_largest_integer(
    evaluate: Evaluate, values: list[int], expected: list[int]
) -> None:
    assert evaluate(ops.lowest, values) == expected


def test_segment_min_leaves_the_largest_integer_in_an_empty_segment(evaluate: Evaluate) -> None:
    assert evaluate(ops.segment_min, [5, 4, 7, 6], [0, 0, 2, 2], [3]) == [4, LARGEST, 6]


def test_segment_min_refuses_a_segment_out_of_range(evaluate: Evaluate) -> None:
    with pytest.raises(RuntimeError, match="max_index"):
        evaluate(ops.segment_min, [5], [1], [1])


def test_where_gives_places(evaluate: Evaluate) -> None:
    assert evaluate(lambda x: ops.where(ops.greater(x, 1)), [2, 0, 5]) == [0, 2]


def test_pad_takes_amounts_and_values_known_or_computed(evaluate: Evaluate) -> None:
    assert evaluate(lambda x: ops.pad(x, 1, 2, 7), [1, 2]) == [7, 1, 2, 7, 7]
    assert evaluate(lambda x, after, value: ops.pad(x, 1, after, value), [1], [2], [8]) == [8, 1, 8, 8]


def test_pad_refuses_a_negative_amount(evaluate: Evaluate) -> None:
    with pytest.raises(RuntimeError, match="Pad value"):
        evaluate(lambda x, after: ops.pad(x, 0, after), [1], [-1])


@pytest.mark.parametrize(("begin", "end"), [(0, -1), (1, None), (1, 3), (-2, None)])
def test_cut_counts_as_python_does(evaluate: Evaluate, begin: int, end: int | None) -> None:
    values = [10, 11, 12, 13]
    assert evaluate(lambda x: ops.cut(x, begin, end), values) == values[begin:end]


def test_neighbours_end_at_a_given_value(evaluate: Evaluate) -> None:
    assert evaluate(lambda x: ops.previous(x, -1), [1, 2, 3]) == [-1, 1, 2]
    assert evaluate(lambda x: ops.following(x, -1), [1, 2, 3]) == [2, 3, -1]


def test_byte_split_keeps_nul_and_bytes_that_are_no_utf8(evaluate: Evaluate) -> None:
    strings = np.array([b"a\xff\0", b"", b"\0"], object)
    assert evaluate(ops.byte_split, strings) == [97, 255, 0, 0]


def test_string_join_joins_each_row(evaluate: Evaluate) -> None:
    rows = np.array([[b"a", b"", b"c\0"], [b"", b"", b""]], object)
    assert evaluate(lambda x: ops.string_join(x, 3), rows) == [b"ac\0", b""]


def test_shapes_follow_what_is_known() -> None:
    graph: Graph = Model("test").subgraph("test")
    known, open_ended = graph.input("x", [3], "int32"), graph.input("y", [-1], "int32")

    def shapes(*tensors: Tensor) -> list[tuple[int, ...]]:
        return [tensor.shape for tensor in tensors]

    assert shapes(ops.pad(known, 1, 2), ops.pad(open_ended, 1, 2), ops.where(ops.less(known, 1))) == [
        (6,),
        (-1,),
        (-1,),
    ]
    assert shapes(ops.string_join(graph.input("s", [1, 4], "string"), 4)) == [(1,)]
