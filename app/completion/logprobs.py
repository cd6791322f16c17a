"""Log probabilities of the tokens of one choice, reported once their characters have been shown."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from app.completion.job import TokenLogprob
from app.engine.messages import Logprob
from app.guard.guard import Guard
from app.model.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class _Pending:
    """A token that is not reported yet, and its characters as offsets into the decoded text."""

    start: int
    end: int
    logprob: Logprob


class ShownLogprobs:
    """Keeps each token until the guard and the stop strings have decided about its characters.

    A guard that is given also judges the alternatives: what it flags is left out.

    Attributes:
        reported: Every token reported so far.
    """

    def __init__(self, tokenizer: Tokenizer, guard: Guard | None) -> None:
        self.reported: list[TokenLogprob] = []
        self._tokenizer = tokenizer
        self._guard = guard
        self._decoded = ""
        self._pending: deque[_Pending] = deque()

    def add(self, characters: str, logprob: Logprob) -> None:
        """Take the next token with the characters that it completes."""
        start = len(self._decoded)
        self._decoded += characters
        self._pending.append(_Pending(start, len(self._decoded), logprob))

    def report(self, shown: str, *, ended: bool) -> tuple[TokenLogprob, ...]:
        """The tokens whose characters are all shown; at the end also one of which only the first are."""
        ready = []
        while self._pending and self._is_shown(self._pending[0], len(shown), ended):
            ready.append(self._report(self._pending.popleft(), shown))
        self.reported += ready
        return tuple(ready)

    def _is_shown(self, token: _Pending, length: int, ended: bool) -> bool:
        return token.end <= length or (ended and token.start < length)

    def _report(self, token: _Pending, shown: str) -> TokenLogprob:
        """A token as it is shown; one that the guard has masked comes without alternatives."""
        text = shown[token.start : token.end]
        masked = not self._decoded.startswith(text, token.start)
        top = () if masked else self._alternatives(token.logprob, shown[: token.start])
        return TokenLogprob(text, token.start, token.logprob.chosen, top)

    def _alternatives(self, logprob: Logprob, before: str) -> tuple[tuple[str, float], ...]:
        """The likeliest tokens after a text, but for those that the guard flags there."""
        texts = ((self._text(number), value) for number, value in logprob.top)
        return tuple((text, value) for text, value in texts if text and not self._is_flagged(text, before))

    def _text(self, number: int) -> str:
        return self._tokenizer.detokenize([number]).decode(errors="replace")

    def _is_flagged(self, text: str, before: str) -> bool:
        return self._guard is not None and self._guard.check(text, before=before).flagged
