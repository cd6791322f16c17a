from __future__ import annotations

import numpy as np
import pytest
from tokenizers.pre_tokenizers import Digits

from models.evaluation.reference_tokenizer import make_pre_tokenizer
from models.graphs.character_classes import Kind, character_kinds, kind_trie

pytestmark = pytest.mark.slow

POINTS = np.array([*range(0xD800), *range(0xE000, 0x110000)])  # all but surrogates, which no text has


def every(*kinds: Kind, digits: bool = False) -> str:
    """A text of all characters of these kinds."""
    found = np.isin(character_kinds(digits)[POINTS], kinds)
    return "".join(map(chr, POINTS[found].tolist()))


def pieces(text: str, *, digits: bool = False) -> int:
    return len(make_pre_tokenizer(digits=digits).pre_tokenize_str(text))


@pytest.mark.parametrize(
    "kinds",
    [
        (Kind.LETTER, Kind.STMD, Kind.RV, Kind.E, Kind.L),
        (Kind.NUMBER,),
        (Kind.OTHER,),
        (Kind.SPACE, Kind.BLANK),
    ],
)
def test_all_characters_of_a_class_are_one_word_to_the_oracle(kinds: tuple[Kind, ...]) -> None:
    assert pieces(every(*kinds)) == 1


def test_the_classes_are_four_to_the_oracle() -> None:
    assert pieces("a1") == pieces("a!") == pieces("1!") == 2
    assert pieces("a\n") == pieces("1\n") == pieces("!\n") == 2


def test_numbers_are_what_the_oracle_splits_one_by_one() -> None:
    splitter = Digits(individual_digits=True)
    numbers = every(Kind.NUMBER, digits=True)
    others = every(*(kind for kind in Kind if kind != Kind.NUMBER), digits=True)
    assert len(splitter.pre_tokenize_str(numbers)) == len(numbers)
    assert len(splitter.pre_tokenize_str(others)) == 1


def test_single_characters_have_their_own_kinds() -> None:
    kinds = character_kinds(digits=False)
    exact = {Kind.BLANK: " ", Kind.QUOTE: "'", Kind.STMD: "dmst", Kind.RV: "rv", Kind.E: "e", Kind.L: "l"}
    assert {kind: "".join(map(chr, np.flatnonzero(kinds == kind))) for kind in exact} == exact
    assert not (kinds == Kind.EDGE).any()


@pytest.mark.parametrize("digits", [False, True])
def test_the_trie_finds_the_kind_of_every_character(digits: bool) -> None:
    trie = kind_trie(digits)
    text = "".join(map(chr, POINTS.tolist())).encode() + bytes(3)
    code = np.frombuffer(text, np.uint8)
    starts = np.flatnonzero(code & 0xC0 != 0x80)[: len(POINTS)]
    node = trie.first[code[starts]]
    for ahead in (1, 2, 3):
        node = trie.next[node + trie.column[code[starts + ahead]]]
    assert np.array_equal(node, character_kinds(digits)[POINTS])


def test_the_trie_leads_somewhere_from_any_bytes() -> None:
    trie = kind_trie(digits=True)
    assert trie.first.shape == trie.column.shape == (256,)
    nodes = len(trie.next) // 64
    assert trie.column.max() + nodes == len(trie.next)
    assert trie.first.max() < nodes
    assert trie.next.max() < nodes
