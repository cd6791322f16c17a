"""Words as the measurement counts them, and when a suggestion agrees with what is written next."""

from __future__ import annotations

from itertools import groupby


def words(body: str) -> list[tuple[int, int]]:
    """Begin and end of each run of letters."""
    runs = groupby(range(len(body)), key=lambda at: body[at].isalpha())
    places = [list(run) for letters, run in runs if letters]
    return [(run[0], run[-1] + 1) for run in places]


def next_word(rest: str) -> str:
    """The beginning of a text up to the end of its current or next word; all of it where none follows."""
    return next((rest[:end] for _, end in words(rest)), rest)


def is_right(suggestion: str, target: str) -> bool:
    """Whether a suggestion begins with the target and no letter follows there."""
    return suggestion.startswith(target) and not suggestion[len(target) : len(target) + 1].isalpha()


def agreement(suggestion: str, rest: str) -> int:
    """Characters that two texts have in common at their beginning."""
    pairs = enumerate(zip(suggestion, rest, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(suggestion), len(rest)))


def acceptable(suggestion: str, rest: str) -> int:
    """Characters of the longest correct beginning of a suggestion that ends where one of its words does."""
    size = agreement(suggestion, rest)
    while 0 < size < len(suggestion) and suggestion[size - 1].isalnum() and suggestion[size].isalnum():
        size -= 1
    return size
