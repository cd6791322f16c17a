"""One choice while it is written: token ids in, text that may be shown out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.completion.job import Choice, FinishReason, Piece, TokenLogprob
from app.completion.output_guard import Screen
from app.completion.stop_strings import StopScanner
from app.engine.messages import Logprob, Prefilled, Tokens


class Decoder(Protocol):
    """Token ids to text, piece by piece, never half a character."""

    def push(self, ids: Sequence[int]) -> str:
        """The characters that these ids complete."""
        ...

    def finish(self) -> str:
        """What an unfinished character becomes."""
        ...


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A token and the characters it stands for, as offsets into the text before the guard."""

    start: int
    end: int
    logprob: Logprob


class Draft:
    """Detokenizes, ends at a stop string, passes through the guard: in this order.

    At least `gather` tokens are read at once: many cost the tokenizer no more than one.
    `spell` gives the text of an alternative token after a text, or nothing where it must not be shown.

    Attributes:
        index: Of the choice.
        attempt: Counts the samples of this choice from 1.
        reason: Why it ended; None while it is written.
        tokens: Token ids received.
        text: Everything shown so far.
        first_token, last_token: When they came, in `time.perf_counter` seconds; set by the engine's reader.
        prefilled: What the engine says of the prompt; set by its reader.
    """

    def __init__(
        self,
        index: int,
        attempt: int,
        decoder: Decoder,
        stop: StopScanner,
        screen: Screen | None,
        *,
        gather: int,
        spell: Callable[[int, str], str] | None,
    ) -> None:
        self.index = index
        self.attempt = attempt
        self.reason: FinishReason | None = None
        self.tokens = 0
        self.text = ""
        self.prefilled: Prefilled | None = None
        self.first_token: float | None = None
        self.last_token = 0.0
        self._decoder = decoder
        self._stop = stop
        self._screen = screen
        self._gather = gather
        self._unread: list[int] = []
        self._spell = spell
        self._decoded = ""
        self._spoken: deque[_Spoken] = deque()
        self._logprobs: list[TokenLogprob] = []

    @property
    def flagged(self) -> bool:
        """Whether the guard has found something in it."""
        return self._screen is not None and self._screen.tripped

    def push(self, tokens: Tokens) -> Piece | None:
        """The piece that these tokens make certain; sets `reason` when they end the choice."""
        self.tokens += len(tokens.ids)
        if self._spell is None:
            self._unread += tokens.ids
            return None if len(self._unread) < self._gather else self._show(self._read(), last=False)
        piece = ""
        for number, logprob in zip(tokens.ids, tokens.logprobs, strict=True):
            start = len(self._decoded) + len(piece)
            piece += self._decoder.push((number,))
            self._spoken.append(_Spoken(start, len(self._decoded) + len(piece), logprob))
        return self._show(piece, last=False)

    def close(self, reason: FinishReason) -> Piece | None:
        """The last piece; `reason` stands unless the end of the text brings a reason of its own."""
        piece = self._show(self._read() + self._decoder.finish(), last=True)
        self.reason = self.reason or reason
        return piece

    def choice(self, before: str = "") -> Choice:
        """The choice once it has ended, with the text that an echo puts before; nothing of a rejected one."""
        assert self.reason is not None
        rejected = self.reason == "content_filter"
        logprobs = None if self._spell is None else () if rejected else tuple(self._logprobs)
        return Choice(self.index, "" if rejected else before + self.text, self.reason, logprobs)

    def _read(self) -> str:
        unread, self._unread = self._unread, []
        return self._decoder.push(unread) if unread else ""

    def _show(self, piece: str, *, last: bool) -> Piece | None:
        if self._spell is not None:
            self._decoded += piece
        text = self._stop.push(piece)
        if last:
            text += self._stop.finish()
        if self._stop.found:
            self.reason, last = "stop", True
        if self._screen is not None:
            text = self._screen.push(text)
            if last:
                text += self._screen.finish()
            if self._screen.stopped:
                self.reason = "content_filter"
        self.text += text
        logprobs = None if self._spell is None else self._speak(last)
        return Piece(self.index, text, logprobs) if text or logprobs else None

    def _speak(self, last: bool) -> tuple[TokenLogprob, ...]:
        """Logprobs of the tokens whose characters have all been shown, or cut off at the end."""
        shown = len(self.text)
        ready = []
        while self._spoken and (self._spoken[0].end <= shown or (last and self._spoken[0].start < shown)):
            token = self._spoken.popleft()
            text = self.text[token.start : token.end]
            untouched = self._decoded.startswith(text, token.start)
            top = self._alternatives(token) if untouched else ()
            ready.append(TokenLogprob(text, token.start, token.logprob.chosen, top))
        self._logprobs += ready
        return tuple(ready)

    def _alternatives(self, token: _Spoken) -> tuple[tuple[str, float], ...]:
        """The alternatives that the guard lets pass at this place."""
        assert self._spell is not None
        before = self.text[: token.start]
        spelled = ((self._spell(number, before), value) for number, value in token.logprob.top)
        return tuple((text, value) for text, value in spelled if text)
