"""The guard over a text that arrives in pieces."""

from typing import Literal

from app.guard.guard import SEAM, Guard
from app.guard.verdict import Span, Verdict

LONG = 256
"""Characters held back; a match that is longer is spun out."""

NEAR = 96
"""Characters of a decided text that matter to what follows: what rules look at, and a phrase more."""

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
        policy: OutputPolicy = "mask",
    ) -> None:
        self.guard = guard
        self.policy = policy
        self.verdict = Verdict()
        self._before = before[-SEAM:]
        self._pieces: list[str] = []
        self._held = 0
        self._enough = 0
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
        """What is safe to send now that this piece has come.

        A text that is held back unusually long is looked at again when it has grown by an eighth: fuuu...
        """
        if self.stopped:
            return ""
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held < self._enough:
            return ""
        held = "".join(self._pieces)
        end, suspect = self.guard.pending_from(held, before=self._before)
        safe = self._pass(held, end, suspect)
        self._enough = self._held + max(0, self._held - LONG) // 8
        return safe

    def finish(self) -> str:
        """The rest."""
        return "" if self.stopped else self._pass("".join(self._pieces), self._held, suspect=True)

    def _pass(self, held: str, end: int, suspect: bool) -> str:
        """The text before `end`, which is decided, as it may be sent; only a suspect one needs a check."""
        self._pieces, self._held = [held[end:]], len(held) - end
        if not end:
            return ""
        verdict = self.guard.check(held, before=self._before) if suspect else Verdict()
        settled = Verdict(tuple(span for span in verdict.spans if span.end <= end))
        moved = (
            Span(span.start + self._passed, span.end + self._passed, span.category, span.severity)
            for span in settled.spans
        )
        self.verdict = Verdict((*self.verdict.spans, *moved))
        self._before = _context(self._before + held[:end])
        self._passed += end
        return held[: settled.spans[0].start] if self.stopped else self.guard.mask(held, settled)[:end]


def _context(passed: str) -> str:
    """What the rules may need of a text that is decided: the last words of it, all of it if it is odd."""
    if not (passed[-2 * NEAR :].isascii() and passed[-2 * NEAR :].isprintable()):
        return passed[-SEAM:]
    space = passed.find(" ", max(0, len(passed) - 2 * NEAR), max(0, len(passed) - NEAR))
    return passed[space + 1 :] if space >= 0 else passed[-SEAM:]
