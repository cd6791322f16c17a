"""When the tokens of a request came, and the milliseconds that its answer reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.engine.messages import Prefilled


@dataclass(slots=True)
class TokenTimes:
    """When the tokens of one choice came, in seconds of `time.perf_counter`.

    Attributes:
        first: None until a token has come, or the choice has ended without one.
        prefilled: What the engine reports of the prompt; comes with the first token.
    """

    first: float | None = None
    last: float = 0.0
    prefilled: Prefilled | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds, of several choices the slowest; a choice without a token counts as one at its end."""

    queue_ms: float
    prefill_ms: float
    decode_ms: float
    first_token_ms: float

    @classmethod
    def slowest(cls, started: float, choices: Sequence[TokenTimes]) -> Timings:
        """The timings of a job that started then; at least one of its choices has had its first token."""
        prefilled = [times.prefilled for times in choices if times.prefilled is not None]
        begun = [(times.first, times.last) for times in choices if times.first is not None]
        return cls(
            queue_ms=_longest(prompt.queue_seconds for prompt in prefilled),
            prefill_ms=_longest(prompt.prefill_seconds for prompt in prefilled),
            decode_ms=_longest(last - first for first, last in begun),
            first_token_ms=_longest(first - started for first, _ in begun),
        )


def _longest(seconds: Iterable[float]) -> float:
    """The longest of some times, in milliseconds."""
    return round(max(seconds) * 1000, 3)
