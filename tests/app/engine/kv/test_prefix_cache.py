from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.kv.arrays import Floats
from app.engine.kv.prefix_cache import BRANCHES_KEPT, OVERWRITTEN, Branch, Entry, PrefixCache
from app.model.shape import ModelShape

SHAPE = ModelShape(layers=1, kv_heads=1, group=1, head_size=2, vocabulary=100, sequence_length=100)


def tokens(numbers: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array(numbers, np.int32)


def rows(numbers: Sequence[int]) -> Floats:
    """Keys or values of tokens: [L, n, KV, HD], a row tells its token."""
    return np.repeat(np.array(numbers, np.float32), 2).reshape(1, -1, 1, 2)


def prefill(cache: PrefixCache, prompt: Sequence[int]) -> tuple[Entry, int]:
    """Acquire and compute what is missing; the entry stays busy."""
    entry, cached = cache.acquire(tokens(prompt))
    new = list(prompt)[cached:]
    entry.room(len(new))[:] = np.concatenate([rows(new), -rows(new)])
    entry.extend(tokens(new))
    return entry, cached


def remember(cache: PrefixCache, prompt: Sequence[int]) -> int:
    """A whole request; how many tokens it found."""
    entry, cached = prefill(cache, prompt)
    cache.release(entry)
    return cached


def check(entry: Entry, prompt: Sequence[int]) -> None:
    assert entry.length == len(prompt)
    assert np.array_equal(entry.cached, np.concatenate([rows(prompt), -rows(prompt)]))


@pytest.fixture
def cache() -> PrefixCache:
    return PrefixCache(SHAPE, budget=10**9)


def test_an_empty_entry_has_room_for_a_whole_sequence_and_one_place_more(cache: PrefixCache) -> None:
    entry, cached = cache.acquire(tokens([1, 2]))
    assert cached == 0
    assert entry.cached.shape == (2, 0, 1, 2)
    assert entry.room(SHAPE.sequence_length + 1).shape == (2, SHAPE.sequence_length + 1, 1, 2)


def test_what_is_extended_is_read_back(cache: PrefixCache) -> None:
    entry, _ = prefill(cache, [5, 6, 7])
    check(entry, [5, 6, 7])
    assert entry.tokens[:3].tolist() == [5, 6, 7]


def test_every_layer_starts_on_an_aligned_address(cache: PrefixCache) -> None:
    entry, _ = prefill(cache, [5, 6, 7])
    assert all(block.ctypes.data % 64 == 0 for block in entry.cached)
    assert all(block.flags.c_contiguous for block in entry.cached)


def test_a_longer_prompt_pays_for_the_rest_alone(cache: PrefixCache) -> None:
    remember(cache, [1, 2, 3])
    entry, cached = prefill(cache, [1, 2, 3, 4, 5])
    assert cached == 3
    check(entry, [1, 2, 3, 4, 5])


def test_the_same_prompt_again_leaves_one_token_to_compute(cache: PrefixCache) -> None:
    remember(cache, [1, 2, 3])
    entry, cached = cache.acquire(tokens([1, 2, 3]))
    assert (cached, entry.length) == (2, 2)


def test_a_prompt_of_one_token_finds_nothing(cache: PrefixCache) -> None:
    remember(cache, [1])
    assert remember(cache, [1]) == 0


def test_the_longest_common_prefix_is_taken(cache: PrefixCache) -> None:
    for prompt in ([1, 2], [1, 2, 3, 4], [1, 9, 9, 9]):
        busy, _ = prefill(cache, prompt)
        assert busy.users == 1
    _, cached = prefill(cache, [1, 2, 3, 4, 5])
    assert cached == 4


def test_an_idle_entry_that_differs_little_is_taken_over(cache: PrefixCache) -> None:
    remember(cache, [1, 2, *[3] * OVERWRITTEN])
    remember(cache, [1, 2, 4])
    assert len(cache.entries) == 1


def test_an_entry_with_a_long_other_end_is_copied_and_kept(cache: PrefixCache) -> None:
    first = [1, 2, *[3] * (OVERWRITTEN + 1)]
    remember(cache, first)
    entry, cached = prefill(cache, [1, 2, 4])
    assert cached == 2
    check(entry, [1, 2, 4])
    assert remember(cache, [*first, 5]) == len(first)


def test_a_busy_entry_is_copied_and_not_changed(cache: PrefixCache) -> None:
    busy, _ = prefill(cache, [1, 2, 3])
    entry, cached = prefill(cache, [1, 2, 3, 4])
    assert cached == 3
    assert not np.shares_memory(busy.rows, entry.rows)
    check(busy, [1, 2, 3])
    check(entry, [1, 2, 3, 4])


def test_only_what_has_been_computed_is_shared(cache: PrefixCache) -> None:
    busy, _ = cache.acquire(tokens([1, 2, 3, 4]))
    busy.room(2)[:] = np.concatenate([rows([1, 2]), -rows([1, 2])])
    busy.extend(tokens([1, 2]))
    assert remember(cache, [1, 2, 3, 4]) == 2


def test_memory_counts_the_most_that_an_entry_ever_held(cache: PrefixCache) -> None:
    remember(cache, [1, 2, 3, 4, 5, 6])
    remember(cache, [1, 2, 9])
    assert cache.bytes == 6 * SHAPE.token_bytes


def test_the_least_recently_used_entry_leaves_first() -> None:
    cache = PrefixCache(SHAPE, budget=7 * SHAPE.token_bytes)
    remember(cache, [1, 1, 1])
    remember(cache, [2, 2, 2])
    remember(cache, [1, 1, 1])  # used again
    remember(cache, [3, 3])
    assert [entry.tokens[0] for entry in cache.entries] == [1, 3]


def test_busy_entries_stay_beyond_the_budget_until_they_are_released() -> None:
    cache = PrefixCache(SHAPE, budget=0)
    busy = [prefill(cache, [n, n])[0] for n in (1, 2)]
    cache.release(busy[0])
    assert cache.entries == [busy[1]]
    cache.release(busy[1])
    assert cache.entries == []
    assert cache.bytes == 0


def test_a_prompt_as_long_as_the_sequence_fits(cache: PrefixCache) -> None:
    prompt = list(range(SHAPE.sequence_length))
    entry, _ = prefill(cache, prompt)
    check(entry, prompt)


steps = st.lists(
    st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.integers(0, 4)), max_size=20
)


@given(steps, st.sampled_from([0, 500, 2000, 10**9]))
def test_whatever_comes_and_goes_an_entry_holds_its_own_prompt(
    requests: list[tuple[list[int], int]], budget: int
) -> None:
    cache = PrefixCache(SHAPE, budget)
    busy: list[tuple[Entry, list[int]]] = []
    for prompt, kept in requests:
        busy.append((prefill(cache, prompt)[0], prompt))
        for entry, own in busy:
            check(entry, own)
        while len(busy) > kept:
            cache.release(busy.pop(0)[0])
            held = sum(entry.high_water for entry, _ in busy) * SHAPE.token_bytes
            assert cache.bytes <= max(budget, held)
    for entry, _ in busy:
        cache.release(entry)
    assert cache.bytes <= budget
    assert all(entry.users == 0 for entry in cache.entries)


def test_a_finished_sequence_extends_the_entry_of_its_prompt(cache: PrefixCache) -> None:
    remember(cache, [1, 2, 3])
    began: list[int] = []

    def rest(start: int) -> Floats:
        began.append(start)
        new = rows([1, 2, 3, 4, 5][start:])
        return np.concatenate([new, -new])

    cache.keep(tokens([1, 2, 3, 4, 5]), rest)
    assert began == [3]
    (entry,) = cache.entries
    check(entry, [1, 2, 3, 4, 5])
    assert entry.users == 0


def test_a_finished_sequence_beyond_the_budget_drops_nobody(cache: PrefixCache) -> None:
    remember(cache, [1, 2, 3])
    cache.fit(4 * SHAPE.token_bytes)
    cache.keep(tokens([7, 8, 9, 10, 11]), lambda start: rows([]))
    (entry,) = cache.entries
    check(entry, [1, 2, 3])


def test_a_smaller_budget_drops_the_oldest_idle_entries(cache: PrefixCache) -> None:
    remember(cache, [1, 2, 3])
    remember(cache, [7, 8, 9])
    cache.fit(5 * SHAPE.token_bytes)
    (entry,) = cache.entries
    check(entry, [7, 8, 9])


def test_logits_behind_tokens_that_an_entry_does_not_hold_are_not_kept() -> None:
    entry = Entry.empty(SHAPE)
    entry.extend(np.array([1, 2, 3], np.int32))
    row = np.zeros(SHAPE.vocabulary, np.float32)
    entry.remember({3: row, 4: row})
    assert list(entry.logits) == [3]


def branch(path: Sequence[int]) -> Branch:
    return Branch(np.full(SHAPE.vocabulary, path[-1], np.float32), np.concatenate([rows(path), -rows(path)]))


def keep_branches(cache: PrefixCache, prompt: Sequence[int], paths: Sequence[tuple[int, ...]]) -> None:
    new = {path: branch(path) for path in paths}
    cache.keep(
        tokens(prompt),
        lambda n: np.concatenate([rows(prompt[n:]), -rows(prompt[n:])]),
        prompt=len(prompt),
        branches=new,
    )


def test_what_was_tried_behind_a_prompt_is_found_behind_that_prompt_alone(cache: PrefixCache) -> None:
    keep_branches(cache, [1, 2, 3], [(7,), (7, 8)])
    assert list(cache.branches(tokens([1, 2, 3]))) == [(7,), (7, 8)]
    assert cache.branches(tokens([1, 2])) == {}
    assert cache.branches(tokens([1, 2, 4])) == {}
    assert cache.branches(tokens([1, 2, 3]), owner="other") == {}


def test_of_many_branches_the_last_ones_are_kept(cache: PrefixCache) -> None:
    paths = [(n,) for n in range(BRANCHES_KEPT + 3)]
    keep_branches(cache, [1, 2], paths)
    assert list(cache.branches(tokens([1, 2]))) == paths[3:]


def test_branches_leave_with_the_end_of_their_prompt(cache: PrefixCache) -> None:
    keep_branches(cache, [1, 2, 3], [(7,)])
    remember(cache, [1, 2, 9])
    assert cache.branches(tokens([1, 2, 3])) == {}


def test_branches_count_as_memory_and_leave_before_their_entry() -> None:
    cache = PrefixCache(SHAPE, budget=10**9)
    remember(cache, [1, 2, 3])
    alone = cache.bytes
    keep_branches(cache, [1, 2, 3], [(7,), (7, 8)])
    assert cache.bytes == alone + 2 * SHAPE.logits_bytes + 3 * SHAPE.token_bytes
    cache.fit(alone)
    assert cache.bytes == alone
    assert cache.branches(tokens([1, 2, 3])) == {}
    assert remember(cache, [1, 2, 3, 4]) == 3
