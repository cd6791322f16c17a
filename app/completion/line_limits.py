"""Ends a text at a line, as code editors ask: where a line is less indented, or where a time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LineLimits:
    """At which line a text ends.

    Attributes:
        indent: Spaces and tabs that each further line begins with; the text ends before one that has fewer.
        seconds: The text ends before the first line break after this time; 0 for never.
    """

    indent: int = 0
    seconds: float = 0.0

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return bool(self.indent or self.seconds)


UNLIMITED = LineLimits()


class LineScanner:
    """Passes a text on up to the line where it ends; a line that is not known to be one of it is held back.

    Attributes:
        found: Whether the text has ended.
    """

    def __init__(self, limits: LineLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.found = False
        self._limits = limits
        self._clock = clock
        self._started: float | None = None
        self._held = ""

    def push(self, piece: str) -> str:
        """The text that is certain once this piece is known."""
        if self.found or not self._limits:
            return "" if self.found else piece
        if self._started is None:
            self._started = self._clock()
        text, at = self._held + piece, -1
        while (at := text.find("\n", at + 1)) >= 0:
            line = text[at + 1 :]
            indent = len(line) - len(line.lstrip(" \t"))
            known = indent < len(line) or indent >= self._limits.indent
            self.found = self._late() or (known and indent < self._limits.indent)
            if self.found or not known:
                self._held = text[at:]
                return text[:at]
        self._held = ""
        return text

    def finish(self) -> str:
        """What was held back, if the text has not ended before it."""
        held, self._held = self._held, ""
        return "" if self.found else held

    def _late(self) -> bool:
        assert self._started is not None
        return self._limits.seconds > 0 and self._clock() - self._started > self._limits.seconds
