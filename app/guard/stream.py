"""The guard over a text that arrives in pieces."""

from typing import Literal

from app.guard.guard import SEAM, Guard
from app.guard.thresholds import Thresholds
from app.guard.verdict import Span, Verdict

OutputPolicy = Literal["reject", "mask", "stop"]


class GuardStream:
    """Passes on what can no longer become part of a bad word, and holds back the rest.

    Under `mask` a bad word comes out masked; under `reject` and `stop` nothing from its first
    character on ever comes out. `verdict` has the bad words so far, as indices into the whole stream.
    """

    def __init__(
        self,
        guard: Guard,
        before: str = "",
        thresholds: Thresholds | None = None,
        policy: OutputPolicy = "mask",
    ) -> None:
        self.guard = guard
        self.thresholds = thresholds
        self.policy = policy
        self.verdict = Verdict()
        self._before = before[-SEAM:]
        self._held = ""
        self._passed = 0

    @property
    def tripped(self) -> bool:
        """Whether a bad word was found."""
        return self.verdict.flagged

    @property
    def stopped(self) -> bool:
        """Whether nothing more will come out."""
        return self.tripped and self.policy != "mask"

    def push(self, piece: str) -> str:
        """What is safe to send now that this piece has come."""
        self._held += piece
        return self._pass(self.guard.open_from(self._held, before=self._before))

    def finish(self) -> str:
        """The rest."""
        return self._pass(len(self._held))

    def _pass(self, end: int) -> str:
        if self.stopped or not end:
            return ""
        verdict = self.guard.check(self._held, before=self._before, thresholds=self.thresholds)
        settled = Verdict(tuple(span for span in verdict.spans if span.end <= end))
        safe = self.guard.mask(self._held, settled)[:end]
        moved = (
            Span(span.start + self._passed, span.end + self._passed, span.category, span.severity)
            for span in settled.spans
        )
        self.verdict = Verdict((*self.verdict.spans, *moved))
        if self.stopped:
            return safe[: settled.spans[0].start]
        self._before = (self._before + self._held[:end])[-SEAM:]
        self._held = self._held[end:]
        self._passed += end
        return safe
