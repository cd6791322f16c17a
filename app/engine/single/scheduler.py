"""One generation at a time, first in first out: for model files that hold one sequence."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from app.engine.messages import (
    Failed,
    Finished,
    FromEngine,
    Generation,
    Logprob,
    Prefilled,
    Stats,
    Tokens,
)
from app.model.shape import ModelShape


@dataclass(frozen=True, slots=True)
class Work:
    """A bounded piece of work that a writer has done: a chunk of the prompt, or new tokens.

    Attributes:
        prefilled: Prompt tokens computed.
        cached: Prompt tokens that need not be computed.
        ids: Tokens generated.
        logprobs: Theirs, where they were asked for.
    """

    prefilled: int = 0
    cached: int = 0
    ids: tuple[int, ...] = ()
    logprobs: tuple[Logprob, ...] = ()


Writing = Generator[Work, None, str]
"""A generation on its way: yields after each piece of work, returns the reason of its end; may be closed."""


class Writer(Protocol):
    """Whatever continues one prompt at a time."""

    @property
    def shape(self) -> ModelShape:
        """Sizes that a generation must fit."""
        ...

    def write(self, generation: Generation) -> Writing:
        """Begin a generation; nothing is computed before the first `next`.

        Raises (while it is iterated):
            RuntimeError, ArithmeticError: This generation has failed.
        """
        ...


@dataclass(slots=True)
class _Sequence:
    """A generation, its times in seconds of the clock, and what is not yet said of it."""

    number: int
    generation: Generation
    submitted: float
    admitted: float = 0.0
    cached: int = 0
    writing: Writing | None = None
    spoke: bool = False
    ids: tuple[int, ...] = ()
    logprobs: tuple[Logprob, ...] = ()

    def prefilled(self, now: float) -> Prefilled:
        """What the prompt cost."""
        return Prefilled(
            self.number,
            cached_tokens=self.cached,
            queue_seconds=self.admitted - self.submitted,
            prefill_seconds=now - self.admitted,
        )

    def said(self) -> Tokens:
        """The tokens that were not yet reported."""
        tokens = Tokens(self.number, self.ids, self.logprobs)
        self.ids, self.logprobs = (), ()
        return tokens


class SingleScheduler:
    """Stands where app.engine.scheduler.Scheduler stands for files that hold many sequences."""

    def __init__(self, writer: Writer, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._writer = writer
        self._clock = clock
        self._waiting: deque[_Sequence] = deque()
        self._running: _Sequence | None = None
        self._outbox: list[FromEngine] = []
        self._decode_steps = self._decode_rows = self._prefill_tokens = self._cached_tokens = 0
        self._decode_seconds = self._prefill_seconds = 0.0

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._waiting or self._running or self._outbox)

    @property
    def running(self) -> int:
        """Sequences that are being written."""
        return 0 if self._running is None else 1

    @property
    def stats(self) -> Stats:
        """Counters since the start and levels now."""
        return Stats(
            slots_busy=self.running,
            waiting=len(self._waiting),
            decode_steps=self._decode_steps,
            decode_seconds=self._decode_seconds,
            decode_rows=self._decode_rows,
            prefill_tokens=self._prefill_tokens,
            prefill_seconds=self._prefill_seconds,
            cached_tokens=self._cached_tokens,
        )

    def submit(self, number: int, generation: Generation) -> None:
        """Queue a generation under a new number; a malformed one fails alone."""
        if reason := generation.misfit(self._writer.shape):
            self._outbox.append(Failed(number, reason))
        else:
            self._waiting.append(_Sequence(number, generation, self._clock()))

    def cancel(self, number: int) -> None:
        """Forget a generation, wherever it is; an unknown number has just finished."""
        for sequence in self._waiting:
            if sequence.number == number:
                self._waiting.remove(sequence)
                return
        if self._running is not None and self._running.number == number:
            self._end(self._running)

    def step(self) -> list[FromEngine]:
        """Do one piece of work of the oldest generation; return what happened."""
        if self._running is None and self._waiting:
            self._running = self._waiting.popleft()
            self._running.admitted = self._clock()
            self._running.writing = self._writer.write(self._running.generation)
        if self._running is not None:
            self._work(self._running)
        said, self._outbox = self._outbox, []
        return said

    def rest(self) -> None:
        """Nothing to do for a while: the caches have the file's own length, and nothing can be given back."""

    def _work(self, sequence: _Sequence) -> None:
        assert sequence.writing is not None
        began = self._clock()
        try:
            work = next(sequence.writing)
        except StopIteration as end:
            self._finish(sequence, end.value)
            return
        except (RuntimeError, ArithmeticError) as error:
            self._outbox.append(Failed(sequence.number, str(error)))
            self._end(sequence)
            return
        now = self._clock()
        self._count(sequence, work, now - began)
        if work.ids:
            self._report(sequence, work, now)

    def _count(self, sequence: _Sequence, work: Work, seconds: float) -> None:
        sequence.cached += work.cached
        self._cached_tokens += work.cached
        self._prefill_tokens += work.prefilled
        if work.ids:
            self._decode_steps += 1
            self._decode_rows += len(work.ids)
            self._decode_seconds += seconds
        else:
            self._prefill_seconds += seconds

    def _report(self, sequence: _Sequence, work: Work, now: float) -> None:
        """The first tokens at once, with what the prompt cost; later ones as many as the reader wants."""
        sequence.ids += work.ids
        sequence.logprobs += work.logprobs
        if not sequence.spoke:
            self._outbox.append(sequence.prefilled(now))
        if not sequence.spoke or len(sequence.ids) >= sequence.generation.gather:
            self._outbox.append(sequence.said())
        sequence.spoke = True

    def _finish(self, sequence: _Sequence, reason: str) -> None:
        if not sequence.spoke:
            self._outbox.append(sequence.prefilled(self._clock()))
        if sequence.ids:
            self._outbox.append(sequence.said())
        self._outbox.append(Finished(sequence.number, reason))
        self._end(sequence)

    def _end(self, sequence: _Sequence) -> None:
        if sequence.writing is not None:
            sequence.writing.close()
        self._running = None
