from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.engine.kv.arrays import Floats
from app.engine.kv.decode_cache import DecodeCache
from app.model.shape import LANES, ModelShape

SHAPE = ModelShape(layers=2, kv_heads=2, group=1, head_size=4, vocabulary=10, sequence_length=200)
SLOTS = 3


def rows(seed: int, count: int) -> Floats:
    """Keys of both layers, then values, of `count` tokens: [2L, n, KV, HD]."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.standard_normal((4, count, 2, 4), np.float32)


def test_a_loaded_sequence_lies_in_its_slot_by_head_and_place() -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    sequence = rows(1, 5)
    cache.load(1, sequence)
    view = cache.view(SLOTS)
    assert view.shape == (4, SLOTS, 2, LANES, 4)
    assert np.array_equal(view[3, 1, 0, 4], sequence[3, 4, 0])
    assert np.array_equal(cache.rows(1, 0, 5), sequence)
    assert not cache.rows(0, 0, LANES).any()
    assert not cache.rows(2, 0, LANES).any()


def test_a_new_token_is_stored_at_its_own_position_in_each_sequence() -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    new = rows(1, 2)
    cache.append(new, [7, 0])
    assert np.array_equal(cache.rows(0, 7, 8)[:, 0], new[:, 0])
    assert np.array_equal(cache.rows(1, 0, 1)[:, 0], new[:, 1])
    assert np.count_nonzero(cache.view(SLOTS)) == new.size


def test_tokens_of_one_sequence_are_written_from_a_position_on() -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    new = rows(1, 3)
    cache.write(2, 5, new)
    assert np.array_equal(cache.rows(2, 5, 8), new)
    assert np.count_nonzero(cache.view(SLOTS)) == new.size


def test_places_of_one_sequence_are_cleared_and_no_others() -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    sequence = rows(1, 9)
    for slot in range(SLOTS):
        cache.load(slot, sequence)
    cache.clear(1, 3, 6)
    assert not cache.rows(1, 3, 6).any()
    assert np.array_equal(cache.rows(1, 0, 3), sequence[:, :3])
    assert np.array_equal(cache.rows(1, 6, 9), sequence[:, 6:])
    assert np.array_equal(cache.rows(0, 0, 9), sequence)
    assert np.array_equal(cache.rows(2, 0, 9), sequence)


def test_every_layer_of_a_view_starts_at_one_address_whatever_the_length() -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    before = [block.ctypes.data for block in cache.view(1)]
    cache.fit(150, 0)
    after = [block.ctypes.data for block in cache.view(SLOTS)]
    assert before == after
    assert all(address % LANES == 0 for address in after)
    assert all(block.flags.c_contiguous for block in cache.view(2))


def test_the_length_is_the_least_multiple_of_lanes_and_shrinks_with_a_step_to_spare() -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    lengths = []
    for tokens in (0, 1, 64, 65, 64, 129, 200, 129, 128, 65, 64, 1):
        cache.fit(tokens, 0)
        lengths.append(cache.length)
    assert lengths == [64, 64, 64, 128, 128, 192, 256, 256, 128, 128, 128, 128]


def test_the_longest_sequences_fit_in_every_slot() -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    cache.fit(SHAPE.sequence_length, 0)
    sequences = [rows(slot, SHAPE.sequence_length) for slot in range(SLOTS)]
    for slot, sequence in enumerate(sequences):
        cache.load(slot, sequence)
    for slot, sequence in enumerate(sequences):
        assert np.array_equal(cache.rows(slot, 0, SHAPE.sequence_length), sequence)


lengths = st.lists(st.integers(1, 200), min_size=1, max_size=SLOTS)


@given(lengths, st.lists(st.integers(1, 200), max_size=5))
def test_sequences_survive_every_change_of_the_length(counts: list[int], others: list[int]) -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    cache.fit(max(counts), 0)
    for slot, count in enumerate(counts):
        cache.load(slot, rows(slot, count))
    for tokens in others:
        cache.fit(max(tokens, *counts, 0), len(counts))
        for slot, count in enumerate(counts):
            assert np.array_equal(cache.rows(slot, 0, count), rows(slot, count))


@given(st.integers(0, 2), st.integers(0, 2), st.integers(1, 64))
def test_a_moved_sequence_is_the_same_and_the_others_stay(source: int, target: int, tokens: int) -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    sequences = [rows(slot, tokens) for slot in range(SLOTS)]
    for slot, sequence in enumerate(sequences):
        cache.load(slot, sequence)
    cache.move(source, target, tokens)
    sequences[target] = sequences[source]
    for slot, sequence in enumerate(sequences):
        assert np.array_equal(cache.rows(slot, 0, tokens), sequence)


def test_memory_that_is_given_back_reads_as_zeros_and_may_be_used_again() -> None:
    cache = DecodeCache(SHAPE, SLOTS)
    cache.load(1, rows(1, 10))
    assert cache.bytes == 2 * LANES * SHAPE.token_bytes
    cache.give_back()
    assert cache.bytes == 0
    assert not cache.view(SLOTS).any()
    cache.load(0, rows(2, 5))
    assert np.array_equal(cache.rows(0, 0, 5), rows(2, 5))
