from __future__ import annotations

import math

import pytest

from app.completion.words import Until, WordScanner
from app.engine.messages import Score


def scan(text: str, until: Until | None = None, *, cut: bool = True, size: int = 1) -> str:
    scanner = WordScanner(until)
    shown = "".join(scanner.push(text[at : at + size]) for at in range(0, len(text), size))
    return shown + scanner.finish(cut=cut)


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("text", "until", "cut", "shown"),
    [
        ("nce is Paris. The cap", None, True, "nce is Paris. The"),
        ("nce is Paris. The cap", None, False, "nce is Paris. The cap"),
        ("nce is Paris.", None, True, "nce is Paris."),
        ("nce is Paris. ", None, True, "nce is Paris."),
        ("unfinish", None, True, ""),
        ("unfinish", None, False, "unfinish"),
        ("unfinish", "token", True, "unfinish"),
        ("it's a don't", None, True, "it's a"),
        (" three words here", "word", True, " three"),
        ("nce, and", "word", True, "nce"),
        ("is it. And then more", "sentence", True, "is it."),
        ('he said "no!" And then', "sentence", True, 'he said "no!"'),
        ("costs 3.14 today. Then", "sentence", True, "costs 3.14 today."),
        ("one line\nand another", "line", True, "one line"),
        ("\nand another", "line", True, ""),
        ("one line and mo", "line", True, "one line and"),
        ("今日は天気", "word", True, "今"),
        ("你好吗？我很好", "sentence", True, "你好吗？"),
        ("", None, True, ""),
        ("...", None, True, "..."),
    ],
)
def test_a_suggestion_ends_where_it_should(
    text: str, until: Until | None, cut: bool, shown: str, size: int
) -> None:
    assert scan(text, until, cut=cut, size=size) == shown


def test_what_ends_a_suggestion_is_told() -> None:
    scanner = WordScanner("word")
    assert scanner.push(" one two") == " one"
    assert scanner.found == "stop"
    assert scanner.finish(cut=True) == ""


def scored(scanner: WordScanner, *tokens: tuple[str, float, float]) -> str:
    shown, start = "", 0
    for text, chosen, ended in tokens:
        scanner.add(start, Score(math.log(chosen), math.log(ended)))
        start += len(text)
        shown += scanner.push(text)
    return shown


TOKENS = (("nce", 0.8, 0.01), (" is", 0.5, 0.9), (" Par", 0.5, 0.8), ("is", 0.5, 0.1), (".", 0.9, 0.6))


def test_a_words_confidence_is_that_of_its_tokens_and_of_its_end() -> None:
    scanner = WordScanner(None)
    assert scored(scanner, *TOKENS) == "nce is"
    assert scanner.finish(cut=False) == " Paris."
    assert scanner.confidences == pytest.approx([0.8 * 0.9, 0.5 * 0.8, 0.5 * 0.5 * 0.6])


def test_words_behind_a_sure_first_word_may_be_much_less_sure() -> None:
    scanner = WordScanner(None, min_confidence=0.7)
    assert scored(scanner, *TOKENS) + scanner.finish(cut=False) == "nce is Paris."
    assert scanner.found is None


@pytest.mark.parametrize(("second", "shown"), [(0.0097, "nce"), (0.0098, "nce is here.")])
def test_a_suggestion_ends_before_the_word_at_which_all_are_too_unsure(second: float, shown: str) -> None:
    """0.72 for the first word: with the second the product must not fall below a hundredth of 0.7."""
    scanner = WordScanner(None, min_confidence=0.7)
    tokens = (("nce", 0.8, 1.0), (" is", second, 0.9), (" here", 1.0, 1.0))
    assert scored(scanner, *tokens, (".", 1.0, 1.0)) + scanner.finish(cut=False) == shown
    assert (scanner.found, len(scanner.confidences)) == (("confidence", 2) if shown == "nce" else (None, 3))


def test_an_unsure_first_word_leaves_nothing() -> None:
    scanner = WordScanner("token", min_confidence=0.9)
    assert scored(scanner, *TOKENS) + scanner.finish(cut=True) == ""
    assert scanner.found == "confidence"
    assert scanner.confidences == pytest.approx([0.8 * 0.9])


def test_where_every_token_counts_each_word_is_judged_at_the_end() -> None:
    scanner = WordScanner("token")
    shown = scored(scanner, ("nce", 0.8, 1.0), (" is", 0.5, 0.9), (" Pa", 0.6, 0.8))
    assert shown == "nce is Pa"
    scanner.finish(cut=True)
    assert scanner.confidences == pytest.approx([0.8 * 0.9, 0.5 * 0.8, 0.6])
