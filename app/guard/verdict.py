"""What the guard says about a text."""

from dataclasses import dataclass

CATEGORIES = ("profanity", "sexual", "slur", "insult", "mild")


@dataclass(frozen=True, slots=True)
class Span:
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

    @property
    def categories(self) -> tuple[str, ...]:
        """Their categories, sorted, each once."""
        return tuple(sorted({span.category for span in self.spans}))
