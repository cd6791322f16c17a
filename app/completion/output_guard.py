"""The guard around a completion: piece by piece where it is streamed, at its end where it is not."""

from __future__ import annotations

from typing import Protocol

from app.guard.guard import Guard
from app.guard.stream import GuardStream, OutputPolicy

STRIDE = 512
"""Characters of an unfinished text that are checked at once."""


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
    """Holds a text back until its end: a few long pieces cost least, and nothing is streamed."""

    def __init__(self, guard: Guard, before: str, policy: OutputPolicy) -> None:
        self._stream = GuardStream(guard, before, policy)
        self._waiting = ""
        self._shown = ""

    @property
    def tripped(self) -> bool:
        """See OutputGuard."""
        return self._stream.tripped

    @property
    def stopped(self) -> bool:
        """See OutputGuard."""
        return self._stream.stopped

    def push(self, piece: str) -> str:
        """Hold a piece back; a text that is rejected whatever follows stops."""
        self._waiting += piece
        if len(self._waiting) >= STRIDE:
            self._shown += self._stream.push(self._waiting)
            self._waiting = ""
        return ""

    def finish(self) -> str:
        """The text, masked where the policy says so; nothing of a rejected one."""
        text = self._shown + self._stream.push(self._waiting) + self._stream.finish()
        return "" if self.stopped else text


class BegunGuard:
    """Judges a completion together with the unfinished word before it, which is not shown again."""

    def __init__(self, guard: OutputGuard, begun: str) -> None:
        self._guard = guard
        self._begun = begun
        self._hidden = len(begun)

    @property
    def tripped(self) -> bool:
        """See OutputGuard."""
        return self._guard.tripped

    @property
    def stopped(self) -> bool:
        """See OutputGuard."""
        return self._guard.stopped

    def push(self, piece: str) -> str:
        """See OutputGuard."""
        begun, self._begun = (self._begun, "") if piece else ("", self._begun)
        return self._new(self._guard.push(begun + piece))

    def finish(self) -> str:
        """See OutputGuard; where nothing was written, nothing is judged."""
        return "" if self._begun else self._new(self._guard.finish())

    def _new(self, text: str) -> str:
        new = text[self._hidden :]
        self._hidden -= len(text) - len(new)
        return new
