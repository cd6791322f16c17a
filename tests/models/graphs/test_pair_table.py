from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from models.checkpoint.vocabulary import Vocabulary
from models.graphs.bpe_merges import find_pair
from models.graphs.pair_table import PairTable, hashed, sparse_rows
from models.tflite.graph import Array, Tensor
from models.tflite.sequence_ops import select

pytestmark = pytest.mark.slow

Compile = Callable[..., Callable[..., Array]]


def look_up(table: PairTable, a: Array, b: Array) -> Array:
    """The number of each pair, -1 where it is in no list; as the graph does it."""
    row = (a * table.factor + b) % len(table.offset) if table.factor else a
    number = table.slot[table.offset[row] + b]
    return np.where(table.check[number] == (b if table.factor else a), number, -1)


def drawn(count: int, size: int, seed: int) -> Array:
    """Different pairs, some left integers with many."""
    rng = np.random.Generator(np.random.PCG64(seed))
    left = np.minimum(rng.geometric(min(1.0, 8 / size), 2 * count), size) - 1
    pairs = np.unique(np.stack([left, rng.integers(0, size, 2 * count)], 1), axis=0)
    return rng.permutation(pairs)[:count]


@pytest.mark.parametrize("kind", ["sparse", "hashed"])
@pytest.mark.parametrize(("count", "size"), [(1, 2), (40, 8), (3000, 900), (900, 3000)])
def test_every_pair_is_found_and_no_other(kind: str, count: int, size: int) -> None:
    pairs = drawn(count, size, seed=count)
    table = (
        hashed(pairs, size)
        if kind == "hashed"
        else sparse_rows([(int(a), int(b)) for a, b in pairs.tolist()], size)
    )
    numbers = {tuple(pair): number for number, pair in enumerate(pairs.tolist())}
    every = np.array(list(itertools.product(range(min(size, 300) + 1), range(size + 1))))
    expected = [numbers.get(tuple(pair), -1) for pair in every.tolist()]
    assert look_up(table, *every.T).tolist() == expected
    assert look_up(table, *pairs.T).tolist() == list(range(len(pairs)))


def test_no_pairs_make_an_empty_table() -> None:
    empty = np.zeros((0, 2), np.int64)
    places = np.arange(4)
    for table in (hashed(empty, 3), sparse_rows([], 3)):
        assert look_up(table, places, places).tolist() == [-1] * 4


def test_a_hashed_table_stays_small_and_within_32_bits() -> None:
    pairs = drawn(150_000, 150_000, seed=1)
    table = hashed(pairs, 150_000)
    assert len(table.slot) < 2.1 * len(pairs)
    assert (150_000 + 1) * table.factor + 150_000 < 2**31
    assert np.array_equal(look_up(table, *pairs.T), np.arange(len(pairs)))


def test_merges_of_a_real_vocabulary_fit_sparse_rows(smollm2_vocabulary: Vocabulary) -> None:
    number = {token: n for n, token in enumerate(bytes([byte]) for byte in range(256))}
    number |= {left + right: 256 + n for n, (left, right) in enumerate(smollm2_vocabulary.merges)}
    pairs = [(number[a], number[b]) for a, b in smollm2_vocabulary.merges]
    table = sparse_rows(pairs, len(number))
    assert np.array_equal(look_up(table, *np.array(pairs).T), np.arange(len(pairs)))
    some = np.random.default_rng(1).integers(0, len(number) + 1, (200_000, 2))
    found = look_up(table, *some.T) >= 0
    assert {tuple(pair) for pair in some[found].tolist()} <= set(pairs)


def test_the_graph_finds_the_same(compiled: Compile) -> None:
    table = hashed(drawn(500, 100, seed=3), 100)
    every = np.array(list(itertools.product(range(101), repeat=2)), np.int32)
    a, b = np.ascontiguousarray(every.T)

    def number_of(a: Tensor, b: Tensor) -> Tensor:
        number, found = find_pair(a, b, table)
        return select(found, number, -1)

    run = compiled(number_of, a, b)
    assert run(a, b).tolist() == look_up(table, a, b).tolist()
