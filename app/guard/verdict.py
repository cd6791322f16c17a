"""What the guard says about a text, and from which severity on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

MILDEST, CLEAR, NEVER = 1, 2, 4
"""Severities, and a threshold that nothing reaches."""

CATEGORIES = ("profanity", "sexual", "slur", "insult", "mild")


class Span(NamedTuple):
    """One bad word: `[start, end)` in characters of the original text; severity from 1 to 3."""

    start: int
    end: int
    category: str
    severity: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The bad words of a text, in order and without overlap."""

    spans: tuple[Span, ...] = ()

    @property
    def flagged(self) -> bool:
        """Whether there is any."""
        return bool(self.spans)

    def before(self, end: int) -> "Verdict":
        """The bad words that begin before an index."""
        return Verdict(tuple(span for span in self.spans if span.start < end))

    @property
    def categories(self) -> tuple[str, ...]:
        """Their categories, sorted, each once."""
        return tuple(sorted({span.category for span in self.spans}))


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The lowest severity that is flagged, by category: 1 flags all, 4 flags nothing.

    The default, 2, flags what is bad in nearly every context and lets the rest pass.
    """

    profanity: int = CLEAR
    sexual: int = CLEAR
    slur: int = CLEAR
    insult: int = CLEAR
    mild: int = CLEAR

    @classmethod
    def of(cls, severities: Mapping[str, int]) -> "Thresholds":
        """Thresholds from `{category: severity}`; a category left out keeps its default.

        Raises:
            ValueError: For an unknown category or a severity outside 1 to 4.
        """
        for category, severity in severities.items():
            if category not in CATEGORIES:
                raise ValueError(f"unknown category {category!r}: one of {', '.join(CATEGORIES)}")
            if not MILDEST <= severity <= NEVER:
                raise ValueError(f"severity of {category} is {severity}: from {MILDEST} to {NEVER}")
        return cls(**severities)

    def lowest(self, category: str) -> int:
        """The lowest flagged severity of a category."""
        return int(getattr(self, category))


EVERYTHING = Thresholds(MILDEST, MILDEST, MILDEST, MILDEST, MILDEST)
