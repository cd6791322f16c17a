"""One choice while it is written: tokens in, text that may be shown out."""

from __future__ import annotations

from app.completion.detokenizer import Detokenizer
from app.completion.job import AlternativeText, Choice, FinishReason, Piece, TokenLogprob
from app.completion.line_limits import UNLIMITED, LineScanner
from app.completion.logprobs import ShownLogprobs
from app.completion.output_guard import OutputGuard
from app.completion.stop_strings import StopScanner
from app.completion.suffix import SuffixScanner
from app.completion.timings import TokenTimes
from app.completion.words import WordScanner
from app.engine.messages import Tokens

CUT: tuple[FinishReason, ...] = ("length", "timeout")
"""Reasons for which a text ends before its last word may be complete."""


class ChoiceOutput:
    """Detokenizes tokens, ends the text at a stop string, the suffix or a whole word, and guards it.

    At least `stream_interval` tokens are detokenized at once: many cost the tokenizer no more than one.

    Attributes:
        index: Of the choice.
        attempt: Counts the samples of this choice from 1.
        reason: Why it ended; None while it is written.
        tokens: Number of tokens received.
        first_token: Id of the first one.
        text: Everything shown so far.
        times: When its tokens came; the pipeline sets them.
        alternatives: Other suggestions; the pipeline sets them.
        scored: Log probabilities of the prompt's tokens; the pipeline sets them.
    """

    def __init__(
        self,
        index: int,
        attempt: int,
        detokenizer: Detokenizer,
        stop: StopScanner,
        guard: OutputGuard | None,
        logprobs: ShownLogprobs | None,
        words: WordScanner | None = None,
        suffix: SuffixScanner | None = None,
        lines: LineScanner | None = None,
        *,
        stream_interval: int,
    ) -> None:
        self.index = index
        self.attempt = attempt
        self.reason: FinishReason | None = None
        self.tokens = 0
        self.first_token: int | None = None
        self.text = ""
        self.times = TokenTimes()
        self.alternatives: tuple[AlternativeText, ...] = ()
        self.scored: tuple[TokenLogprob, ...] = ()
        self._detokenizer = detokenizer
        self._stop = stop
        self._guard = guard
        self._logprobs = logprobs
        self._words = words
        self._suffix = suffix or SuffixScanner("")
        self._lines = lines or LineScanner(UNLIMITED)
        self._decoded = 0
        self._stream_interval = stream_interval
        self._pending: list[int] = []

    @property
    def flagged(self) -> bool:
        """Whether the guard has found something in it."""
        return self._guard is not None and self._guard.tripped

    def push(self, tokens: Tokens) -> Piece | None:
        """The piece that these tokens make certain; sets `reason` when they end the choice."""
        if self.first_token is None and tokens.ids:
            self.first_token = tokens.ids[0]
        self.tokens += len(tokens.ids)
        if self._logprobs is not None or tokens.scores:
            return self._show(self._decode_each(tokens))
        self._pending += tokens.ids
        if len(self._pending) < self._stream_interval:
            return None
        return self._show(self._decode_pending())

    def close(self, reason: FinishReason) -> Piece | None:
        """End the choice and return its last piece; stop string and guard may change the reason."""
        piece = self._show(self._decode_pending(), ended=reason)
        self.reason = self.reason or reason
        return piece

    def choice(self, before: str = "") -> Choice:
        """The ended choice, with the echoed prompt before its text; a rejected choice has no text."""
        assert self.reason is not None
        rejected = self.reason == "content_filter"
        logprobs = None
        if self._logprobs is not None:
            logprobs = self.scored if rejected else (*self.scored, *self._logprobs.reported)
        confidences = () if self._words is None else tuple(self._words.confidences)
        return Choice(
            self.index,
            "" if rejected else before + self.text,
            self.reason,
            logprobs,
            word_confidence=() if rejected else confidences,
            alternatives=self.alternatives,
        )

    @property
    def candidates(self) -> tuple[AlternativeText, ...]:
        """Its text and those of the alternatives; only these where it has none, or no confidence."""
        known = self._words.confidences if self._words is not None else []
        own = (AlternativeText(self.text, known[0]),) if self.text and known else ()
        return (*own, *self.alternatives)

    def take(self, index: int) -> None:
        """Exchange its text for that candidate, whose tokens are not known."""
        texts = list(self.candidates)
        assert self._words is not None
        chosen = texts.pop(index)
        self.text, self.alternatives = chosen.text, tuple(texts)
        self._words.confidences = [chosen.confidence]
        if self._logprobs is not None:
            self._logprobs.reported.clear()

    def _decode_pending(self) -> str:
        pending, self._pending = self._pending, []
        return self._detokenizer.push(pending) if pending else ""

    def _decode_each(self, tokens: Tokens) -> str:
        """Detokenize one by one, so that each token's own characters are known."""
        text = ""
        for index, number in enumerate(tokens.ids):
            hidden = self._detokenizer.typed
            characters = self._detokenizer.push((number,))
            shown = not hidden or characters != ""
            if self._logprobs is not None and shown:
                self._logprobs.add(
                    characters,
                    tokens.logprobs[index],
                    self._detokenizer.pushed,
                    inside=self._detokenizer.inside,
                )
            if self._words is not None and tokens.scores and shown:
                self._words.add(self._decoded, tokens.scores[index])
            self._decoded += len(characters)
            text += characters
        return text

    def _show(self, text: str, *, ended: FinishReason | None = None) -> Piece | None:
        """Pass decoded text on as far as stop strings, words and guard allow; None for nothing."""
        last = ended is not None
        text = self._until_stop(text, last)
        text = self._until_line(text, last or self._stop.found)
        text = self._until_suffix(text, last or self._stop.found or self._lines.found)
        stopped = self._stop.found or self._lines.found or self._suffix.found
        text = self._whole_words(text, last or stopped, cut=not stopped and ended in CUT)
        last = last or self.reason is not None
        text = self._guarded(text, last)
        self.text += text
        logprobs = None if self._logprobs is None else self._logprobs.report(self.text, ended=last)
        return Piece(self.index, text, logprobs) if text or logprobs else None

    def _until_stop(self, text: str, ended: bool) -> str:
        """The text before a stop string; what may still become one is held back."""
        text = self._stop.push(text)
        if ended:
            text += self._stop.finish()
        if self._stop.found:
            self.reason = "stop"
        return text

    def _until_line(self, text: str, ended: bool) -> str:
        """The text before the line at which it ends."""
        text = self._lines.push(text)
        if ended:
            text += self._lines.finish()
        if self._lines.found:
            self.reason = "length"
        return text

    def _until_suffix(self, text: str, ended: bool) -> str:
        """The text before what stands behind the caret."""
        text = self._suffix.push(text)
        if ended:
            text += self._suffix.finish()
        if self._suffix.found:
            self.reason = "stop"
        return text

    def _whole_words(self, text: str, ended: bool, *, cut: bool) -> str:
        """The words that are complete, as far as the suggestion may go."""
        if self._words is None:
            return text
        text = self._words.push(text)
        if ended:
            text += self._words.finish(cut=cut)
        if self._words.found is not None:
            self.reason = self._words.found
        return text

    def _guarded(self, text: str, ended: bool) -> str:
        """What the guard lets pass; what it cannot judge yet is held back."""
        if self._guard is None:
            return text
        text = self._guard.push(text)
        if ended:
            text += self._guard.finish()
        if self._guard.stopped:
            self.reason = "content_filter"
        return text
