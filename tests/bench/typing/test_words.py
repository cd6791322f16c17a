from __future__ import annotations

import pytest

from bench.typing.words import acceptable, agreement, is_right, next_word, words


def test_words_are_runs_of_letters_of_any_script() -> None:
    assert words("Don't über_2nd m² да") == [(0, 3), (4, 5), (6, 10), (12, 14), (15, 16), (18, 20)]


@pytest.mark.parametrize(
    ("rest", "target"),
    [("ting now", "ting"), (" a lot", " a"), (", and", ", and"), ("12.", "12."), ("", "")],
)
def test_what_comes_next_ends_with_the_current_or_the_next_word(rest: str, target: str) -> None:
    assert next_word(rest) == target


@pytest.mark.parametrize(
    ("suggestion", "right"),
    [("ting", True), ("ting at", True), ("ting2", True), ("tings", False), ("tin", False), ("", False)],
)
def test_a_suggestion_is_right_where_its_first_word_is_the_one_that_was_written(
    suggestion: str, right: bool
) -> None:
    assert is_right(suggestion, "ting") is right


def test_agreement_ends_at_the_first_difference() -> None:
    assert agreement("abcd", "abxd") == 2
    assert agreement("ab", "abxd") == 2
    assert agreement("", "abxd") == 0


@pytest.mark.parametrize(
    ("suggestion", "rest", "size"),
    [
        ("ing a letter", "ing a long letter", 6),  # "ing a ": the third word differs within
        ("ing", "ings", 3),  # all of the suggestion agrees
        ("ings", "ing a", 0),  # its only word is another one
        (" 1234", " 1235", 1),  # digits are no end of a word
        ("xyz", "abc", 0),
        ("", "abc", 0),
    ],
)
def test_only_whole_words_of_a_suggestion_are_taken(suggestion: str, rest: str, size: int) -> None:
    assert acceptable(suggestion, rest) == size
