"""The guard around a completion: piece by piece where it is streamed, at its end where it is not."""

from __future__ import annotations

from typing import Protocol

from app.guard.guard import Guard
from app.guard.stream import OutputPolicy
from app.guard.verdict import Verdict

STRIDE = 512
"""Characters between two checks of an unfinished text: each check reads all of it."""


class OutputGuard(Protocol):
    """Takes a text in pieces and returns what may be shown of it; `GuardStream` implements it."""

    @property
    def tripped(self) -> bool:
        """Whether the guard has found something."""
        ...

    @property
    def stopped(self) -> bool:
        """Whether the text is rejected: nothing more comes out."""
        ...

    def push(self, piece: str) -> str:
        """What may be shown now."""
        ...

    def finish(self) -> str:
        """The rest."""
        ...


class DeferredGuard:
    """Holds a text back until its end: one check of the whole costs least, and nothing is streamed."""

    def __init__(self, guard: Guard, before: str, policy: OutputPolicy) -> None:
        self._guard = guard
        self._before = before
        self._policy = policy
        self._verdict = Verdict()
        self._text = ""
        self._seen = 0

    @property
    def tripped(self) -> bool:
        """See OutputGuard."""
        return self._verdict.flagged

    @property
    def stopped(self) -> bool:
        """See OutputGuard."""
        return self.tripped and self._policy != "mask"

    def push(self, piece: str) -> str:
        """Hold a piece back; under `reject`, check now and then whether the text can already be rejected."""
        self._text += piece
        if self._policy != "mask" and len(self._text) - self._seen >= STRIDE:
            self._seen = len(self._text)
            verdict = self._guard.check(self._text, before=self._before)
            if verdict.flagged and verdict.spans[0].end <= self._settled():
                self._verdict = verdict
        return ""

    def finish(self) -> str:
        """The text, masked where the policy says so."""
        if not self.stopped:
            self._verdict = self._guard.check(self._text, before=self._before)
        return "" if self.stopped else self._guard.mask(self._text, self._verdict)

    def _settled(self) -> int:
        """The index before which later text cannot change the verdict."""
        index, _ = self._guard.pending_from(self._text, before=self._before)
        return index
