from __future__ import annotations

import pytest

from bench.typing.carets import Caret, candidates, draw, in_phrases

TEXT = "Please send the 2nd invoice to our accounting department, not to  reception."


def test_places_need_two_words_before_them_and_two_letters_behind_them() -> None:
    assert candidates("one two three, four sixteen") == [
        Caret("space", 8),  # after "three" there is a comma
        Caret("mid2", 10),
        Caret("mid3", 11),
        Caret("space", 15),
        Caret("word", 19),
        Caret("mid2", 17),
        Caret("space", 20),
        Caret("mid2", 22),
        Caret("mid3", 23),
        Caret("mid4+", 25),
    ]


def test_a_double_space_is_no_place() -> None:
    assert candidates("one two  six") == []


@pytest.mark.parametrize(
    ("each", "drawn"),
    [
        (1, [("word", 27), ("space", 20), ("mid2", 37), ("mid3", 49), ("mid4+", 72)]),
        (
            2,
            [
                ("word", 19),
                ("word", 27),
                ("space", 31),
                ("space", 35),
                ("mid2", 37),
                ("mid2", 48),
                ("mid3", 23),
                ("mid3", 49),
                ("mid4+", 51),
                ("mid4+", 72),
            ],
        ),
    ],
)
def test_a_seed_draws_the_same_carets_as_in_earlier_measurements(
    each: int, drawn: list[tuple[str, int]]
) -> None:
    assert [(caret.place, caret.at) for caret in draw(TEXT, each, seed=7)] == drawn


def test_another_seed_draws_others() -> None:
    assert draw(TEXT, 1, seed=8) != draw(TEXT, 1, seed=7)


def test_carets_in_phrases_lie_in_their_words_and_between_them() -> None:
    body = "I like the Grand Hotel now"
    assert in_phrases(body, ("Grand Hotel",)) == [
        Caret("mid2", 13),
        Caret("mid3", 14),
        Caret("space", 17),
        Caret("mid2", 19),
        Caret("mid3", 20),
    ]
    assert in_phrases(body, ("Other",)) == []
