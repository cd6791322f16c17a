"""The guard over a text that grows: what was settled of it before is not read again."""

from __future__ import annotations

from dataclasses import dataclass

from app.completion.recently_used import RecentlyUsed
from app.guard.guard import Guard, Left, moved
from app.guard.verdict import Span, Verdict

STEP = 512
"""Characters between two beginnings of a text that are remembered."""

OPEN = 256
"""Characters at the end of a beginning that may be left open; where more are, it is not remembered."""

KEPT = 512
"""Beginnings that are remembered."""


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The first characters of a text.

    Attributes:
        length: How many they are.
        settled: How many of them are judged, whatever follows.
        spans: The bad words in those.
        left: What they leave to the rest.
    """

    length: int
    settled: int
    spans: tuple[Span, ...]
    left: Left


NOTHING = _Beginning(0, 0, (), Left())


class GrowingTexts:
    """Checks texts as `Guard.check` does, and remembers beginnings of them.

    Beginnings are cut from the start of a text, so they stay the same while somebody types at its end.
    """

    def __init__(self, step: int = STEP) -> None:
        self._step = step
        self._known: RecentlyUsed[tuple[str, str], _Beginning] = RecentlyUsed(KEPT)

    def unread(self, guard: Guard, text: str) -> int:
        """Characters that `check` would read."""
        return len(text) - self._longest(guard, text).settled

    def check(self, guard: Guard, text: str) -> Verdict:
        """The bad words of a text."""
        known = self._longest(guard, text)
        for length in range(known.length + self._step, len(text), self._step):
            longer = _judged(guard, text[:length], known, last=False)
            if length - longer.settled > OPEN:
                break
            known = longer
            self._known.keep((guard.version, text[:length]), known)
        return Verdict(_judged(guard, text, known, last=True).spans)

    def _longest(self, guard: Guard, text: str) -> _Beginning:
        """The longest beginning of a text that is remembered."""
        for length in range(len(text) // self._step * self._step, 0, -self._step):
            known = self._known.get((guard.version, text[:length]))
            if known is not None:
                return known
        return NOTHING


def _judged(guard: Guard, text: str, known: _Beginning, *, last: bool) -> _Beginning:
    """A longer beginning, or a whole text, of which some is known."""
    rest = guard.settle(text[known.settled :], known.left, last=last)
    spans = (*known.spans, *moved(rest.verdict.spans, known.settled))
    return _Beginning(len(text), known.settled + rest.size, spans, rest.left)
