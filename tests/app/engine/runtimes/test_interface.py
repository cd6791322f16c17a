from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.runtimes.interface import PrefillInputs, decode_mask, extend_inputs, prefill_inputs
from app.model.shape import LANES, MASKED, ModelShape

SHAPE = ModelShape(layers=1, kv_heads=2, group=3, head_size=4, vocabulary=10, sequence_length=512)


def inputs_of(start: int, count: int) -> PrefillInputs:
    return prefill_inputs(SHAPE, start, np.arange(7, 7 + count, dtype=np.int32), [count - 1])


@given(st.integers(0, 300), st.integers(2, 200))
def test_a_token_sees_exactly_those_before_it(start: int, count: int) -> None:
    inputs = inputs_of(start, count)
    places = start + count - 1 + len(inputs.zeros)
    assert inputs.mask.shape == (1, count * SHAPE.group, places)
    for token in range(count):
        expected = np.full(places, MASKED, np.float32)
        expected[: start + token] = 0
        for head in range(SHAPE.group):
            assert np.array_equal(inputs.mask[0, token * SHAPE.group + head], expected)


@given(st.integers(0, 300), st.integers(2, 200))
def test_positions_go_on_from_the_start(start: int, count: int) -> None:
    inputs = inputs_of(start, count)
    assert {part.dtype.name for part in (inputs.tokens, inputs.positions, inputs.rows)} == {"int32"}
    assert inputs.tokens.tolist() == list(range(7, 7 + count))
    assert inputs.positions.tolist() == list(range(start, start + count))
    assert inputs.rows.tolist() == [count - 1]


@given(st.integers(0, SHAPE.sequence_length - 1))
def test_a_token_that_is_alone_comes_twice_within_the_sequence(start: int) -> None:
    inputs = inputs_of(start, 1)
    assert inputs.tokens.tolist() == [7, 7]
    assert inputs.positions.tolist() == [start, min(start + 1, SHAPE.sequence_length - 1)]
    assert inputs.mask.shape == (1, 2 * SHAPE.group, start + 1 + len(inputs.zeros))
    assert (inputs.mask[0, 0] == 0).sum() == start


@given(st.integers(0, 300), st.integers(2, 200))
def test_zeros_fill_the_rows_up_to_a_multiple_of_lanes_and_there_is_one_at_least(
    start: int, count: int
) -> None:
    zeros = inputs_of(start, count).zeros
    assert not zeros.any()
    assert zeros.shape[1:] == (SHAPE.kv_heads, SHAPE.head_size)
    assert 1 <= len(zeros) <= LANES
    assert (start + count - 1 + len(zeros)) % LANES == 0


@given(st.integers(0, 100), st.integers(1, 8))
def test_a_drafted_token_has_its_place_and_sees_those_before_it(start: int, count: int) -> None:
    inputs = extend_inputs(SHAPE, start, count, 2 * LANES)
    assert inputs.positions.tolist() == list(range(start, start + count))
    assert inputs.place.shape == (1, count, 2 * LANES)
    assert inputs.mask.shape == (1, count * SHAPE.group, 2 * LANES)
    for token in range(count):
        position = start + token
        assert np.flatnonzero(inputs.place[0, token]).tolist() == [position]
        assert inputs.place[0, token, position] == 1
        for head in range(SHAPE.group):
            row = inputs.mask[0, token * SHAPE.group + head]
            assert row.tolist() == [0.0] * position + [np.float32(MASKED)] * (2 * LANES - position)


@pytest.mark.parametrize("positions", [[0, 1, 64], [63, 5, 0]])
def test_a_sequence_sees_the_places_before_its_position(positions: list[int]) -> None:
    mask = np.ones((3, 1, 1, LANES), np.float32)
    decode_mask(mask, positions)
    for row, position in zip(mask, positions, strict=True):
        assert row.ravel().tolist() == [0.0] * position + [MASKED] * (LANES - position)
