"""What one generation has to report: its tokens as often as their reader wants them, and its end once."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.engine.messages import Failed, Finished, FromEngine, Logprob, Prefilled, Score, Tokens


@dataclass(slots=True)
class Report:
    """Collects tokens until they are flushed; times are seconds of the scheduler's clock.

    Attributes:
        number: Of the generation.
        interval: Tokens reported at once, after the first.
        submitted, admitted: When the generation came, and when it was given a slot.
        cached: Tokens of the prompt whose keys and values were there.
        end: The last message, as soon as there is one.
    """

    number: int
    interval: int
    submitted: float
    admitted: float = 0.0
    cached: int = 0
    end: Finished | Failed | None = None
    _begun: bool = False
    _ids: list[int] = field(default_factory=list)
    _logprobs: list[Logprob] = field(default_factory=list)
    _scores: list[Score] = field(default_factory=list)

    def add(self, token: int, logprob: Logprob | None = None, score: Score | None = None) -> None:
        """One more token."""
        self._ids.append(token)
        if logprob is not None:
            self._logprobs.append(logprob)
        if score is not None:
            self._scores.append(score)

    def prefilled(self, now: float) -> Prefilled:
        """What the prompt cost."""
        return Prefilled(
            self.number,
            cached_tokens=self.cached,
            queue_seconds=self.admitted - self.submitted,
            prefill_seconds=now - self.admitted,
        )

    def flush(self) -> list[FromEngine]:
        """The messages that are due: the first token at once, later ones `interval` at a time, the end."""
        messages: list[FromEngine] = []
        if self._ids and (not self._begun or self.end or len(self._ids) >= self.interval):
            messages.append(Tokens(self.number, tuple(self._ids), tuple(self._logprobs), tuple(self._scores)))
            self._begun = True
            for pending in (self._ids, self._logprobs, self._scores):
                pending.clear()
        if self.end:
            messages.append(self.end)
        return messages
