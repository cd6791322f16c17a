"""One generation on its way through the scheduler: its tokens, where it stands, what it has to say."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from app.engine.batch.speculation import Record
from app.engine.kv.arrays import Floats, Ints
from app.engine.kv.prefix_cache import Entry
from app.engine.messages import Failed, Finished, FromEngine, Generation, Logprob, Prefilled, Tokens
from app.engine.sampler import Sampler


@dataclass(eq=False, slots=True)
class Sequence:
    """Waiting at first, then prefilling (it has an entry), then running (it has a slot).

    Attributes:
        tokens: int32, prompt and completion; the first `length` are known.
        cached: Tokens of the prompt whose keys and values were there.
        computed: How many tokens have keys and values in the decode cache; the newest is fed next.
        record: Success with drafted tokens.
        end: Its last message, as soon as it has ended.
    """

    number: int
    generation: Generation
    tokens: Ints
    length: int
    sampler: Sampler
    submitted: float
    entry: Entry | None = None
    cached: int = 0
    admitted: float = 0.0
    computed: int = 0
    record: Record = field(default_factory=Record)
    end: Finished | Failed | None = None
    _unsaid: list[int] = field(default_factory=list)
    _logprobs: list[Logprob] = field(default_factory=list)

    @classmethod
    def of(cls, number: int, generation: Generation, now: float) -> Sequence:
        """A sequence that waits."""
        known = len(generation.prompt)
        tokens = np.zeros(known + generation.max_tokens, np.int32)
        tokens[:known] = generation.prompt
        return cls(number, generation, tokens, known, Sampler(generation.sampling, generation.prompt), now)

    @property
    def prompt(self) -> Ints:
        """The tokens that were given."""
        return self.tokens[: len(self.generation.prompt)]

    @property
    def left(self) -> int:
        """Tokens that may still be generated."""
        return len(self.tokens) - self.length

    def prefilled(self, now: float) -> Prefilled:
        """What the prompt cost."""
        return Prefilled(
            self.number,
            cached_tokens=self.cached,
            queue_seconds=self.admitted - self.submitted,
            prefill_seconds=now - self.admitted,
        )

    def choose(self, logits: Floats) -> None:
        """Sample the next token from logits [V]; it may be the end."""
        try:
            token, logprob = self.sampler.choose(logits)
        except (ArithmeticError, LookupError, ValueError) as error:
            self.end = Failed(self.number, str(error))
            return
        if token in self.generation.stop_ids:
            self.end = Finished(self.number, "stop")
            return
        self.tokens[self.length] = token
        self.length += 1
        self._unsaid.append(token)
        if logprob is not None:
            self._logprobs.append(logprob)
        if self.left == 0:
            self.end = Finished(self.number, "length")

    def said(self) -> list[FromEngine]:
        """What there is to report now: the first token, as many as its reader wants at once, the end."""
        messages: list[FromEngine] = []
        first = self.length == len(self.generation.prompt) + 1
        if self._unsaid and (first or self.end or len(self._unsaid) >= self.generation.gather):
            messages.append(Tokens(self.number, tuple(self._unsaid), tuple(self._logprobs)))
            self._unsaid.clear()
            self._logprobs.clear()
        if self.end:
            messages.append(self.end)
        return messages
