from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.completion.job import AlternativeText
from app.completion.suffix import LONGEST_BEGINNING, SuffixScanner, likeliest


def scanned(text: str, suffix: str, before: str = "", size: int = 1) -> tuple[str, bool]:
    """What is passed on of a text in pieces of that size, and whether it ran into the suffix."""
    scanner = SuffixScanner(suffix, before)
    shown = "".join(scanner.push(text[at : at + size]) for at in range(0, len(text), size))
    return shown + scanner.finish(), scanner.found


@pytest.mark.parametrize(
    ("text", "suffix", "shown"),
    [
        (" a lazy dog, and", " dog.", " a lazy"),
        (" the lazy dog", " the lazy dog", ""),
        (" over then the dog", " the dog", " over then"),
        ("f(x))", ")", "f(x"),
        (" one, two", ", three", " one"),
        (" help.\n\nBest regards", "\n\nBest regards", " help."),
        ("oughtful and", "ought", "oughtful and"),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 50])
def test_a_text_ends_where_it_has_the_suffixs_first_word(
    text: str, suffix: str, shown: str, size: int
) -> None:
    assert scanned(text, suffix, size=size) == (shown, shown != text)


@pytest.mark.parametrize(
    ("text", "suffix", "shown", "found"),
    [
        (" a lazy do", " dog.", " a lazy", True),
        (" a lazy dog", " dog.", " a lazy", True),
        ("oug", "ought", "", True),
        (" a cat", "the", " a cat", False),
        (" a lazy cat", " dog", " a lazy cat", False),
    ],
)
def test_the_end_of_a_text_that_begins_the_suffix_is_left_out(
    text: str, suffix: str, shown: str, found: bool
) -> None:
    assert scanned(text, suffix) == (shown, found)


def test_a_space_before_the_caret_may_be_the_one_that_the_suffix_begins_with() -> None:
    assert scanned("to buy bread", " to buy", before="to the market ") == ("", True)
    assert scanned("market to buy", " to buy", before="to the ") == ("market", True)
    assert scanned("market", " to buy", before="to the ") == ("market", False)


@pytest.mark.parametrize("suffix", ["", " ", "\n\n"])
def test_white_space_alone_ends_nothing(suffix: str) -> None:
    assert scanned(" a  b\n\nc ", suffix) == (" a  b\n\nc ", False)


def test_nothing_comes_behind_the_end() -> None:
    scanner = SuffixScanner(" dog.")
    assert [scanner.push(" a dog,"), scanner.push(" a cat"), scanner.finish()] == [" a", "", ""]


def test_of_a_long_suffix_only_the_beginning_counts() -> None:
    long = "a" * (LONGEST_BEGINNING + 9)
    assert scanned(f"b {long[:LONGEST_BEGINNING]} c", long) == ("b ", True)


@given(st.text("ab ,", max_size=20), st.text("ab ,", max_size=6), st.integers(1, 5))
def test_a_text_that_comes_in_pieces_ends_where_it_would_as_a_whole(
    text: str, suffix: str, size: int
) -> None:
    assert scanned(text, suffix, size=size) == scanned(text, suffix, size=50)


@pytest.mark.anyio
async def test_the_text_that_is_likeliest_together_with_the_suffix_is_chosen() -> None:
    texts = [AlternativeText("one", 0.4), AlternativeText("two", 0.3), AlternativeText("three", 0.01)]
    behind = {"one": -3.0, "two": -1.0, "three": -0.5}

    async def probability(text: str) -> float:
        return behind[text]

    async def even(text: str) -> float:
        return -1.0

    assert await likeliest(texts, probability) == 1
    assert await likeliest(texts, even) == 0
