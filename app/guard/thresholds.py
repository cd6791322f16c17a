"""From which severity on a category is flagged."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.guard.verdict import CATEGORIES

MILDEST, CLEAR, NEVER = 1, 2, 4


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

    def stricter(self, other: "Thresholds") -> "Thresholds":
        """Of both thresholds the lower one, category by category."""
        return Thresholds(*(min(getattr(self, name), getattr(other, name)) for name in CATEGORIES))


EVERYTHING = Thresholds(MILDEST, MILDEST, MILDEST, MILDEST, MILDEST)
