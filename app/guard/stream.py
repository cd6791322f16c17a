"""The guard over a text that arrives in pieces."""

from typing import Literal

from app.guard.candidates import Memo
from app.guard.guard import SEAM, Guard, Left, moved
from app.guard.verdict import Span, Verdict

CLOSE = 16
"""Characters held back up to which every piece is looked at: prose is judged within so many."""

OutputPolicy = Literal["reject", "mask", "stop"]


class GuardStream:
    """Passes on what can no longer become part of a bad word, and holds back the rest.

    Under `mask` a bad word comes out masked; under `reject` and `stop` nothing from its first
    character on ever comes out. `before` is the text that precedes the stream.
    """

    def __init__(self, guard: Guard, before: str = "", policy: OutputPolicy = "mask") -> None:
        self.guard = guard
        self.policy = policy
        self._found: list[Span] = []
        self._pieces = [before[-SEAM:]]
        self._held = len(self._pieces[0])
        self._position = -self._held
        self._enough = 0
        self._left = Left()
        self._memo = Memo()

    @property
    def verdict(self) -> Verdict:
        """The bad words so far, as indices into the whole stream."""
        return Verdict(tuple(self._found))

    @property
    def tripped(self) -> bool:
        """Whether a bad word was found."""
        return bool(self._found)

    @property
    def stopped(self) -> bool:
        """Whether nothing more will come out."""
        return self.tripped and self.policy != "mask"

    def push(self, piece: str) -> str:
        """What is safe to send now that this piece has come.

        What is held back is looked at again when it has grown by half of what is over `CLOSE` characters. So
        pieces of `n` characters are looked at no more than `4 + CLOSE / n` times each, whatever the text.
        """
        if self.stopped:
            return ""
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held < self._enough:
            return ""
        safe = self._pass(last=False)
        self._enough = self._held + max(0, self._held - CLOSE) // 2
        return safe

    def finish(self) -> str:
        """The rest."""
        return "" if self.stopped else self._pass(last=True)

    def _pass(self, *, last: bool) -> str:
        """What is settled of the text that is held, as it may be sent."""
        held = "".join(self._pieces)
        settled = self.guard.settle(held, self._left, last=last, memo=self._memo)
        begin, self._position = self._position, self._position + settled.size
        self._pieces, self._held, self._left = [held[settled.size :]], len(held) - settled.size, settled.left
        found = moved(settled.verdict.spans, begin)
        self._found += found
        if self.stopped:
            return held[max(0, -begin) : found[0].start - begin]
        return self.guard.mask(held[: settled.size], settled.verdict)[max(0, -begin) :]
