"""The text behind the caret: a suggestion ends where it runs into it, and does not repeat it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

import regex

from app.completion.job import AlternativeText

READ = 256
"""Characters of a suffix that count."""

BEGINNING = regex.compile(r"\s*(?:\w+|[^\w\s]+)")
"""Of a suffix: its first word or marks, with the white space before them."""

LONGEST_BEGINNING = 64
"""Characters of that; a stream lags by as many."""


FAINTEST = 1e-9
"""Least confidence: its logarithm is finite."""


class SuffixScanner:
    """Passes a text on up to the place where it says what stands behind the caret.

    That is the first place at which the text has the suffix's first word or marks; or where the text ends
    with the beginning of them. What may still become one is held back.

    Attributes:
        found: Whether the text has run into the suffix; nothing is passed on after it.
    """

    def __init__(self, suffix: str, before: str = "") -> None:
        """Scan for the suffix of a text; `before` is what stands before the caret."""
        found = BEGINNING.match(suffix[:READ])
        self.found = False
        self._beginning = found[0][:LONGEST_BEGINNING] if found else ""
        self._held = " " if before.endswith(" ") and self._beginning.startswith(" ") else ""
        self._hidden = len(self._held)  # a space before the caret may be the one that the suffix begins with
        self._last = ""

    def push(self, piece: str) -> str:
        """The text that is certain once this piece is known."""
        if self.found:
            return ""
        if not self._beginning:
            return piece
        text = self._held + piece
        at = text.find(self._beginning)
        while at >= 0 and self._is_word(text[at + len(self._beginning) :]) is False:
            at = text.find(self._beginning, at + 1)
        if at < 0:
            at = len(text) - self._overlap(text)
        else:
            self.found = self._is_word(text[at + len(self._beginning) :]) is True
        self._held = text[at:]
        self._last = text[:at][-1:] or self._last
        return self._shown(text[:at])

    def finish(self) -> str:
        """What was held back, if the suffix does not go on with it."""
        held, self._held = self._held, ""
        if self.found or not held:
            return ""
        inside = self._last.isalnum() and held[0].isalnum()
        self.found = held == self._beginning or not inside
        return "" if self.found else self._shown(held)

    def _shown(self, text: str) -> str:
        """What of a text stands behind the caret."""
        hidden = min(self._hidden, len(text))
        self._hidden -= hidden
        return text[hidden:]

    def _is_word(self, following: str) -> bool | None:
        """Whether the suffix's first word ends before this text; None where that is not known yet."""
        if not self._beginning[-1].isalnum():
            return True
        return not following[0].isalnum() if following else None

    def _overlap(self, text: str) -> int:
        """Characters at the end of the text that the suffix begins with."""
        sizes = range(min(len(self._beginning), len(text)), 0, -1)
        return next((size for size in sizes if self._beginning.startswith(text[-size:])), 0)


async def likeliest(texts: Sequence[AlternativeText], probability: Callable[[str], Awaitable[float]]) -> int:
    """Index of the text that is likeliest together with the suffix behind it; of equals the first.

    Args:
        texts: With their confidences, the likeliest first.
        probability: Log of the probability that the suffix follows a text.
    """
    values = [math.log(max(one.confidence, FAINTEST)) + await probability(one.text) for one in texts]
    return values.index(max(values))
