from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from models.checkpoint.vocabulary import Vocabulary
from models.graphs.merge_table import MergeTable, merge_table

ABC = Vocabulary(
    tokens=(b"c", b"b", b"a", b"ab", b"abc", b"aa", b"ba"),
    merges=((b"a", b"b"), (b"ab", b"c"), (b"a", b"a"), (b"b", b"a")),
    specials=frozenset(),
    digits=False,
)


def look_up(table: MergeTable, left: int, right: int) -> int | None:
    """As the graph does it."""
    rank = table.rank[table.offset[left] + right]
    return int(rank) if table.left[rank] == left else None


def test_a_symbol_is_a_byte_or_the_product_of_a_merge() -> None:
    table = merge_table(ABC)
    a, b, c, ab = ord("a"), ord("b"), ord("c"), 256
    ranks = {(a, b): 0, (ab, c): 1, (a, a): 2, (b, a): 3}
    symbols = [*range(table.nothing), table.nothing]
    assert {
        pair: rank
        for pair in itertools.product(symbols, repeat=2)
        if (rank := look_up(table, *pair)) is not None
    } == ranks


def test_seams_are_the_bytes_between_which_merges_join() -> None:
    seams = merge_table(ABC).seams.reshape(256, 256)
    assert [bytes(pair) for pair in np.argwhere(seams).tolist()] == [b"aa", b"ab", b"ba", b"bc"]


def test_ids_are_the_tokens_of_the_symbols() -> None:
    ids = merge_table(ABC).ids.tolist()
    assert ids[256:] == [3, 4, 5, 6]
    assert [byte for byte in range(256) if ids[byte] >= 0] == [ord("a"), ord("b"), ord("c")]
    assert [ids[ord(letter)] for letter in "abc"] == [2, 1, 0]


def test_a_special_token_is_never_a_symbols_token() -> None:
    vocabulary = Vocabulary(tokens=(b"a", b"a"), merges=(), specials=frozenset([1]), digits=False)
    assert merge_table(vocabulary).ids[ord("a")] == 0


def test_every_merge_of_a_real_vocabulary_is_found_and_no_other_pair(smollm2_vocabulary: Vocabulary) -> None:
    table = merge_table(smollm2_vocabulary)
    number = {token: n for n, token in enumerate(bytes([byte]) for byte in range(256))}
    number |= {left + right: 256 + n for n, (left, right) in enumerate(smollm2_vocabulary.merges)}
    lefts, rights = np.array([(number[a], number[b]) for a, b in smollm2_vocabulary.merges]).T
    ranks = table.rank[table.offset[lefts] + rights]
    assert np.array_equal(ranks, np.arange(len(lefts)))
    assert np.array_equal(table.left[ranks], lefts)
    real = set(zip(lefts.tolist(), rights.tolist(), strict=True))
    some = np.random.default_rng(1).integers(0, table.nothing + 1, (200_000, 2))
    found = table.left[table.rank[table.offset[some[:, 0]] + some[:, 1]]] == some[:, 0]
    assert {tuple(pair) for pair in some[found].tolist()} <= real
    assert (table.rank[table.offset[table.nothing] + np.arange(table.nothing + 1)] < len(lefts)).any()
    assert not (table.left == table.nothing).any()


@pytest.mark.parametrize(
    ("merges", "message"),
    [
        (
            ((b"a", b"b"), (b"b", b"c"), (b"ab", b"c"), (b"a", b"bc")),
            r"merges 2 and 3 both make b'abc'; one token, one merge",
        ),
        (((b"ab", b"c"), (b"a", b"b")), r"merge 0 takes what merge 1 makes, which comes later"),
        (((b"a", b"bc"),), r"merge 0 takes b'bc', which is no byte and which no merge makes"),
        (((b"c", b"c"),), r"merge 0 makes b'cc', which is no token"),
    ],
)
def test_a_vocabulary_that_the_table_cannot_hold_is_refused(
    merges: tuple[tuple[bytes, bytes], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        merge_table(replace(ABC, tokens=(*ABC.tokens, b"bc"), merges=merges))
