from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model.vocabulary import Vocabulary, is_word_character

PIECES = [
    b"<end>",
    b" F",
    b" Fr",
    b" Fra",
    b" France",
    b" Frank",
    b"nce",
    b"\xc3",
    b"\xa9",
    b",",
    b" F",
    b"\xff\xff",
]
VOCABULARY = Vocabulary.of(PIECES, control=[0])


def texts(ids: list[int]) -> list[bytes]:
    return [PIECES[number] for number in ids]


def test_covers_are_the_tokens_that_begin_with_what_is_typed() -> None:
    assert texts(VOCABULARY.covers(b" Fra").tolist()) == [b" Fra", b" France", b" Frank"]
    assert VOCABULARY.covers(b" Fri").tolist() == []
    assert texts(VOCABULARY.covers(b"\xff").tolist()) == [b"\xff\xff"]


def test_shorter_are_the_tokens_that_what_is_typed_goes_on_after() -> None:
    assert texts(VOCABULARY.shorter(b" Fra").tolist()) == [b" F", b" F", b" Fr"]
    assert VOCABULARY.shorter(b"x").tolist() == []


def test_control_tokens_stand_for_no_text() -> None:
    assert VOCABULARY.pieces[0] == b""
    assert 0 not in VOCABULARY.covers(b"").tolist()
    assert 0 not in VOCABULARY.covers(b"<").tolist()


def test_a_word_goes_on_with_letters_and_inside_a_character() -> None:
    going = VOCABULARY.continuing.tolist()
    assert [PIECES[number] for number in going] == [b"nce", b"\xc3", b"\xa9", b"\xff\xff"]
    assert VOCABULARY.ending.tolist() == [n for n in range(len(PIECES)) if n not in going]
    assert VOCABULARY.word_weight.tolist() == [float(n in going) for n in range(len(PIECES))]


def test_behind_a_number_comes_neither_letter_nor_digit_nor_decimal_mark() -> None:
    known = Vocabulary.of([b"a", b"1", b".", b" ", b"40"])
    assert known.behind(4).tolist() == [3]
    assert known.behind(0).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("character", "word"),
    [
        *((character, True) for character in "aéж한ア\u0301"),
        *((character, False) for character in "日のก1 ."),
    ],
)
def test_words_go_on_with_letters_of_scripts_that_separate_words(character: str, word: bool) -> None:
    assert is_word_character(character) is word


pieces = st.lists(st.binary(max_size=4), max_size=40)


@given(pieces, st.binary(min_size=1, max_size=4))
def test_both_look_ups_find_what_a_search_through_all_tokens_finds(tokens: list[bytes], typed: bytes) -> None:
    vocabulary = Vocabulary.of(tokens)
    covers = {n for n, token in enumerate(tokens) if token.startswith(typed)}
    shorter = {n for n, token in enumerate(tokens) if token and token != typed and typed.startswith(token)}
    assert set(vocabulary.covers(typed).tolist()) == covers
    assert set(vocabulary.shorter(typed).tolist()) == shorter
