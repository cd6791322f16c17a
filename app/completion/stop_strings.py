"""Stop strings: a text ends before the first of them, also where one spans several tokens."""

from __future__ import annotations

from collections.abc import Sequence


class StopScanner:
    """Passes a text on piece by piece and holds back what may still become a stop string.

    Attributes:
        found: Whether a stop string has come; nothing is passed on after it.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.found = False
        self._stops = stops
        self._held = ""

    def push(self, piece: str) -> str:
        """The text that is certain once this piece is known."""
        if not self._stops:
            return piece
        if self.found:
            return ""
        text = self._held + piece
        ends = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            self.found = True
            return text[: min(ends)[1]]
        certain = len(text) - self._longest_beginning(text)
        self._held = text[certain:]
        return text[:certain]

    def finish(self) -> str:
        """What was held back, once nothing can follow it."""
        return "" if self.found else self._held

    def _longest_beginning(self, text: str) -> int:
        """Characters at the end of the text that begin a stop string."""
        longest = max((len(stop) - 1 for stop in self._stops), default=0)
        for size in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stops):
                return size
        return 0
