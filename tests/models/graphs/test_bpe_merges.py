from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.checkpoint.vocabulary import Vocabulary
from models.graphs.bpe_merges import merge
from models.graphs.merge_table import merge_table
from models.tflite.graph import Array

pytestmark = pytest.mark.slow

Compile = Callable[..., Callable[..., Array]]
Merge = Callable[[Sequence[bytes]], list[list[bytes]]]

SOME = np.zeros(1, np.int32)


def vocabulary(*merges: str) -> Vocabulary:
    """Merges written "left right"; every product and every part is a token."""
    pairs = tuple((left.encode(), right.encode()) for left, right in (merge.split() for merge in merges))
    products = (left + right for left, right in pairs)
    tokens = dict.fromkeys((*products, *(part for pair in pairs for part in pair)))
    return Vocabulary(tuple(tokens), pairs, frozenset(), digits=False)


def compile_merge(compiled: Compile, vocabulary: Vocabulary) -> Merge:
    table = merge_table(vocabulary)
    names = [bytes([byte]) for byte in range(256)]
    names += dict.fromkeys(token for token in vocabulary.tokens if len(token) > 1)
    run = compiled(lambda symbol, word: merge(symbol, word, table), SOME, SOME)

    def call(words: Sequence[bytes]) -> list[list[bytes]]:
        text = b"".join(words)
        numbers = [n + 1 for n, word in enumerate(words) for _ in word]
        symbols = run(np.frombuffer(text, np.uint8).astype(np.int32), np.array(numbers, np.int32))
        pieces = iter([names[symbol] for symbol in symbols.tolist()])
        merged = []
        for word in words:
            merged.append([next(pieces)])
            while sum(map(len, merged[-1])) < len(word):
                merged[-1].append(next(pieces))
        return merged

    return call


def merge_one_by_one(word: bytes, merges: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """Byte-pair encoding as it is defined."""
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    pieces = [bytes([byte]) for byte in word]
    while True:
        found = [
            (ranks[pair], at)
            for at in range(len(pieces) - 1)
            if (pair := (pieces[at], pieces[at + 1])) in ranks
        ]
        if not found:
            return pieces
        _, at = min(found)
        pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]


def test_the_lowest_rank_goes_first_even_beside_another_local_minimum(compiled: Compile) -> None:
    run = compile_merge(compiled, vocabulary("y z", "c d", "x y", "b cd", "xy z", "a b", "b c"))
    assert run([b"abcd"]) == [[b"a", b"bcd"]]
    assert run([b"xyz"]) == [[b"x", b"yz"]]


def test_a_run_of_one_symbol_is_paired_from_its_start(compiled: Compile) -> None:
    run = compile_merge(compiled, vocabulary("a a", "aa aa", "aa a"))
    assert run([b"aaaaa"]) == [[b"aaaa", b"a"]]
    assert run([b"aaa", b"baaab", b"a", b"aa"]) == [[b"aaa"], [b"b", b"aaa", b"b"], [b"a"], [b"aa"]]


def test_words_do_not_mix(compiled: Compile) -> None:
    run = compile_merge(compiled, vocabulary("a b", "b a"))
    assert run([b"a", b"b", b"aba"]) == [[b"a"], [b"b"], [b"ab", b"a"]]


def test_more_words_than_any_table_holds(compiled: Compile) -> None:
    run = compile_merge(compiled, vocabulary("a b"))
    assert run([b"ab", b"b"] * 3000) == [[b"ab"], [b"b"]] * 3000


def test_a_late_merge_waits_for_what_it_makes_possible(compiled: Compile) -> None:
    run = compile_merge(compiled, vocabulary("abc ab", "a b", "abcab c", "ab c"))
    assert run([b"abcabc"]) == [[b"abcabc"]]


@st.composite
def vocabularies_of_splits(draw: st.DrawFn) -> Vocabulary:
    """Tokens in any order, each with every merge that makes it of two others."""
    texts = draw(st.lists(st.text("ab", min_size=2, max_size=4), min_size=1, max_size=10, unique=True))
    known = {"a", "b", *texts}
    splits = [(text[:at], text[at:]) for text in texts for at in range(1, len(text))]
    return vocabulary(*(f"{left} {right}" for left, right in splits if left in known and right in known))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(toys=vocabularies_of_splits(), words=st.lists(st.text("ab", min_size=1, max_size=30), min_size=1))
def test_several_merges_to_one_token_in_any_order(
    compiled: Compile, toys: Vocabulary, words: list[str]
) -> None:
    if not toys.merges:
        return
    run = compile_merge(compiled, toys)
    encoded = [word.encode() for word in words[:5]]
    assert run(encoded) == [merge_one_by_one(word, toys.merges) for word in encoded]


@st.composite
def toy_vocabularies(draw: st.DrawFn) -> Vocabulary:
    """Merges of earlier products, each product made once."""
    known, merges = ["a", "b", "c"], []
    for _ in range(draw(st.integers(1, 12))):
        left, right = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        if left + right not in known:
            known.append(left + right)
            merges.append(f"{left} {right}")
    return vocabulary(*merges)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    toys=toy_vocabularies(), words=st.lists(st.text("abc", min_size=1, max_size=30), min_size=1, max_size=5)
)
def test_merging_is_sequential_byte_pair_encoding(
    compiled: Compile, toys: Vocabulary, words: list[str]
) -> None:
    run = compile_merge(compiled, toys)
    encoded = [word.encode() for word in words]
    assert run(encoded) == [merge_one_by_one(word, toys.merges) for word in encoded]


@st.composite
def vocabularies_of_bytes(draw: st.DrawFn) -> Vocabulary:
    """Merges of earlier products from bytes on, inside of characters and across them, in any order."""
    known = [bytes([byte]) for byte in sorted({*"กข界é a".encode()})]
    merges = []
    for _ in range(draw(st.integers(1, 25))):
        left, right = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        if left + right not in known:
            known.append(left + right)
            merges.append((left, right))
    merges = draw(st.permutations(merges))
    tokens = (*(token for token in known if len(token) == 1), *(left + right for left, right in merges))
    return Vocabulary(tokens, tuple(merges), frozenset(), digits=False)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    toys=vocabularies_of_bytes(),
    words=st.lists(
        st.lists(st.sampled_from(["ก", "ข", "界", "é", " ", "a", "กข", b"\xe0", b"\xb8\x81"]), min_size=1),
        min_size=1,
        max_size=5,
    ),
)
def test_merging_across_characters_of_three_bytes(
    compiled: Compile, toys: Vocabulary, words: list[list[str | bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.graphs.merge_table.SPARSE", 0)
    run = compile_merge(compiled, toys)
    assert len(merge_table(toys).wide_seams) > 0
    encoded = [b"".join(x if isinstance(x, bytes) else x.encode() for x in word) for word in words]
    assert run(encoded) == [merge_one_by_one(word, toys.merges) for word in encoded]


@pytest.mark.parametrize("word", [b"a" * 1000, b"ab" * 500])
def test_long_words(compiled: Compile, word: bytes) -> None:
    merges = ("a b", "a a", "ab ab", "aa aa", "aaaa aaaa")
    run = compile_merge(compiled, vocabulary(*merges))
    assert run([word]) == [merge_one_by_one(word, vocabulary(*merges).merges)]
