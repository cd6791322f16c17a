from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from models.checkpoint.vocabulary import Vocabulary
from models.graphs.merge_table import SEAM_FACTOR, SEAM_SLOTS, MergeTable, merge_table

pytestmark = pytest.mark.slow

ABC = Vocabulary(
    tokens=(b"c", b"b", b"a", b"ab", b"abc", b"aa", b"ba"),
    merges=((b"a", b"b"), (b"ab", b"c"), (b"a", b"a"), (b"b", b"a")),
    specials=frozenset(),
    digits=False,
)


def look_up(table: MergeTable, left: int, right: int) -> int | None:
    """As the graph does it."""
    pairs = table.ranks
    row = (left * pairs.factor + right) % len(pairs.offset) if pairs.factor else left
    rank = pairs.slot[pairs.offset[row] + right]
    return int(rank) if pairs.check[rank] == (right if pairs.factor else left) else None


def found_ranks(table: MergeTable) -> dict[tuple[int, int], int]:
    symbols = range(table.nothing + 1)
    return {
        (left, right): rank
        for left, right in itertools.product(symbols, symbols)
        if (rank := look_up(table, left, right)) is not None
    }


def test_a_symbol_is_a_byte_or_the_product_of_a_merge() -> None:
    table = merge_table(ABC)
    a, b, c, ab = ord("a"), ord("b"), ord("c"), 256
    assert found_ranks(table) == {(a, b): 0, (ab, c): 1, (a, a): 2, (b, a): 3}
    assert (table.first_made, table.made.tolist(), table.late.tolist()) == (256, [], [])


def test_several_merges_make_one_symbol() -> None:
    merges = ((b"b", b"c"), (b"a", b"bc"), (b"a", b"b"), (b"ab", b"c"))
    table = merge_table(replace(ABC, tokens=(*ABC.tokens, b"bc"), merges=merges))
    a, b, c, bc, abc, ab = ord("a"), ord("b"), ord("c"), 256, 257, 258
    assert found_ranks(table) == {(b, c): 0, (a, bc): 1, (a, b): 2, (ab, c): 3}
    assert table.made.tolist() == [bc, abc, ab, abc, -1]
    assert table.late.tolist() == []


def test_a_token_that_no_merge_makes_is_never_found_but_may_be_a_part() -> None:
    table = merge_table(replace(ABC, tokens=(*ABC.tokens, b"bc"), merges=((b"a", b"bc"),)))
    assert found_ranks(table) == {(ord("a"), 257): 0}


def test_a_merge_is_late_that_makes_a_part_of_one_before_it() -> None:
    merges = ((b"a", b"b"), (b"a", b"bc"), (b"b", b"c"), (b"ab", b"c"))
    table = merge_table(replace(ABC, tokens=(*ABC.tokens, b"bc"), merges=merges))
    assert table.late.tolist() == [0, 0, 1, 0, 0]


def test_added_tokens_and_characters_are_symbols_before_those_that_merges_make() -> None:
    tokens = (b"<x>", b"a", "é".encode(), b"a\xc3\xa9", "ü".encode(), *(bytes([byte]) for byte in range(256)))
    vocabulary = Vocabulary(
        tokens=tokens,
        merges=((b"a", "é".encode()),),
        specials=frozenset(),
        digits=False,
        added=((b"<x>", 0),),
        byte_ids=tuple(range(5, 261)),
    )
    table = merge_table(vocabulary)
    assert table.characters == {"é": 257, "ü": 258}
    assert found_ranks(table) == {(ord("a"), 257): 0}
    assert table.ids[256:].tolist() == [0, 2, 4, 3]
    assert table.ids[:256].tolist() == [1 if byte == ord("a") else 5 + byte for byte in range(256)]
    seams = np.flatnonzero(table.seams).tolist()
    assert seams == [(ord("a") * SEAM_FACTOR + 257) % SEAM_SLOTS]


def test_seams_are_the_bytes_between_which_merges_join() -> None:
    seams = merge_table(ABC).seams.reshape(256, 256)
    assert [bytes(pair) for pair in np.argwhere(seams).tolist()] == [b"aa", b"ab", b"ba", b"bc"]


def test_seams_of_large_vocabularies_tell_characters_of_three_bytes_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.graphs.merge_table.SPARSE", 0)
    near, far, right = "ก".encode(), "ข".encode(), "界".encode()
    parts = (near, far, right, right[:2], near + right, near + right[:2])
    merges = ((near, right), (near, right[:2]), (b"a", right))
    table = merge_table(replace(ABC, tokens=(*ABC.tokens, *parts, b"a" + right), merges=merges))
    assert np.flatnonzero(table.wide_seams).tolist() == [(ord("ก") * SEAM_FACTOR + ord("界")) % SEAM_SLOTS]
    pairs = np.argwhere(table.seams.reshape(256, 256)).tolist()
    assert [bytes(pair) for pair in pairs] == [b"a" + right[:1], near[-1:] + right[:1]]


def test_a_seam_of_a_large_vocabulary_has_the_level_of_its_first_merge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.graphs.merge_table.SPARSE", 0)
    letters = [bytes([ord("a") + n]) for n in range(26)]
    merges = tuple((left, right) for left in letters for right in letters)
    tokens = (*letters, *(left + right for left, right in merges))
    table = merge_table(Vocabulary(tokens, merges, frozenset(), digits=False))
    seams = table.seams.reshape(256, 256)
    assert table.step == 3  # 676 merges on 254 levels
    assert [seams[ord("a"), ord("a")], seams[ord("a"), ord("d")], seams[ord("z"), ord("z")]] == [255, 254, 30]
    again = merge_table(Vocabulary((*tokens, b"aaa"), (*merges, (b"aa", b"a")), frozenset(), digits=False))
    assert again.seams.reshape(256, 256)[ord("a"), ord("a")] == 255


def test_ids_are_the_tokens_of_the_symbols() -> None:
    ids = merge_table(ABC).ids.tolist()
    assert ids[256:] == [3, 4, 5, 6]
    assert [byte for byte in range(256) if ids[byte] >= 0] == [ord("a"), ord("b"), ord("c")]
    assert [ids[ord(letter)] for letter in "abc"] == [2, 1, 0]


def test_a_special_token_is_never_a_symbols_token() -> None:
    vocabulary = Vocabulary(tokens=(b"a", b"a"), merges=(), specials=frozenset([1]), digits=False)
    assert merge_table(vocabulary).ids[ord("a")] == 0


@pytest.mark.parametrize(
    ("merges", "message"),
    [
        (((b"a", b"b"), (b"a", b"b")), r"merges 0 and 1 are the same: b'a' and b'b'"),
        (((b"a", b"cb"),), r"merge 0 takes b'cb', which is no token"),
        (((b"c", b"c"),), r"merge 0 makes b'cc', which is no token"),
    ],
)
def test_a_vocabulary_that_the_table_cannot_hold_is_refused(
    merges: tuple[tuple[bytes, bytes], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        merge_table(replace(ABC, tokens=(*ABC.tokens, b"bc"), merges=merges))
