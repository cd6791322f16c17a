"""Log probabilities of tokens, reported once their characters have been shown; and those of a prompt."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from app.completion.detokenizer import Detokenizer
from app.completion.job import TokenLogprob, TopLogprob
from app.engine.messages import Logprob, Tokens
from app.guard.guard import Guard
from app.model.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class _Pending:
    """A token that is not reported yet.

    Attributes:
        start, end: Its characters as offsets into the decoded text.
        data: Its bytes.
        inside: Whether it ends inside a character.
    """

    start: int
    end: int
    data: bytes
    inside: bool
    logprob: Logprob


class TopTokens:
    """The likeliest tokens at a place, but for those that the guard flags behind what precedes them.

    `before` is the text before the completion: a word may begin in it.
    """

    def __init__(self, tokenizer: Tokenizer, guard: Guard | None, before: str = "") -> None:
        self._tokenizer = tokenizer
        self._guard = guard
        self._before = before

    def after(self, shown: str, logprob: Logprob) -> tuple[TopLogprob, ...]:
        """Those behind a text; tokens without a text are left out."""
        tokens = ((self._tokenizer.detokenize([number]), value) for number, value in logprob.top)
        return tuple(
            TopLogprob(data, value) for data, value in tokens if data and self._may_follow(shown, data)
        )

    def _may_follow(self, shown: str, data: bytes) -> bool:
        if self._guard is None:
            return True
        return not self._guard.check(data.decode(errors="replace"), before=self._before + shown).flagged


class ShownLogprobs:
    """Keeps each token until the guard and the stop strings have decided about its characters.

    Attributes:
        reported: Every token reported so far.
    """

    def __init__(self, top: TopTokens, *, unshown: bool = False) -> None:
        """`unshown`: at the end a token is reported also where its character is not complete."""
        self.reported: list[TokenLogprob] = []
        self._top = top
        self._unshown = unshown
        self._decoded = ""
        self._pending: deque[_Pending] = deque()

    def add(self, characters: str, logprob: Logprob, data: bytes, *, inside: bool = False) -> None:
        """Take the next token with the characters that it completes, and its bytes."""
        start = len(self._decoded)
        self._decoded += characters
        self._pending.append(_Pending(start, len(self._decoded), data, inside, logprob))

    def report(self, shown: str, *, ended: bool) -> tuple[TokenLogprob, ...]:
        """The tokens whose characters are all shown; at the end also one of which only the first are.

        A token that ends inside a character waits until that is shown.
        """
        ready = []
        while self._pending and self._is_shown(self._pending[0], len(shown), ended):
            ready.append(self._report(self._pending.popleft(), shown))
        self.reported += ready
        return tuple(ready)

    def _is_shown(self, token: _Pending, length: int, ended: bool) -> bool:
        if token.end + token.inside <= length or (ended and token.start < length):
            return True
        return ended and self._unshown and token.end <= length

    def _report(self, token: _Pending, shown: str) -> TokenLogprob:
        """A token as it is shown; one that the guard has masked comes without alternatives."""
        text = shown[token.start : token.end]
        whole = self._decoded[token.start : token.end]
        masked = not whole.startswith(text) or self._is_masked_behind(token, shown)
        top = () if masked else self._top.after(shown[: token.start], token.logprob)
        data = token.data if text == whole and not masked else text.encode()
        return TokenLogprob(data, token.start, token.logprob.chosen, top)

    def _is_masked_behind(self, token: _Pending, shown: str) -> bool:
        """Whether the character that it begins is shown as another one."""
        end = token.end
        return token.inside and shown[end : end + 1] != self._decoded[end : end + 1]


class ScoredPrompt:
    """The tokens of a prompt, which the engine reports before those of the completion.

    Attributes:
        reported: Every token, once all have come.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        top: TopTokens,
        text: str,
        first: int | None,
        count: int,
        *,
        prefix_space: bool = False,
    ) -> None:
        """`first` is the token before the forced ones, if it is of the text; `count` the forced ones.

        A space that the tokenizer has put before the text is not shown.
        """
        self.reported: tuple[TokenLogprob, ...] = ()
        self._detokenizer = Detokenizer(tokenizer, typed=int(prefix_space and not text.startswith(" ")))
        self._top = top
        self._text = text
        self._count = count
        self._decoded = ""
        self._tokens: list[TokenLogprob] = []
        if first is not None:
            self._add(first, None)

    @property
    def complete(self) -> bool:
        """Whether all have come."""
        return self._count == 0

    def take(self, tokens: Tokens) -> Tokens:
        """Take the prompt's own; return the rest, which may be nothing."""
        size = min(self._count, len(tokens.ids))
        for number, logprob in zip(tokens.ids[:size], tokens.logprobs[:size], strict=True):
            self._add(number, logprob)
        self._count -= size
        if self.complete:
            self.reported = tuple(self._tokens)
        return Tokens(tokens.number, tokens.ids[size:], tokens.logprobs[size:], tokens.scores[size:])

    def _add(self, number: int, logprob: Logprob | None) -> None:
        """One token; the first of a text has no probability."""
        begin, before = len(self._decoded), self._decoded
        self._decoded += self._detokenizer.push((number,))
        known = logprob if self._tokens else None
        self._tokens.append(
            TokenLogprob(
                self._detokenizer.pushed,
                begin - len(self._text),
                None if known is None else known.chosen,
                None if known is None else self._top.after(before, known),
            )
        )
