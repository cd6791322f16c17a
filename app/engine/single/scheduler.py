"""One generation at a time, first in first out: for model files that hold one sequence."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from app.engine.counters import Counters
from app.engine.messages import (
    Failed,
    Finished,
    FromEngine,
    Generation,
    Logprob,
    Stats,
)
from app.engine.report import Report
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
            RuntimeError, ArithmeticError, LookupError, ValueError: This generation has failed.
        """
        ...


@dataclass(slots=True)
class _Sequence:
    """A generation, what there is to report of it, and how far it is written."""

    number: int
    generation: Generation
    report: Report
    writing: Writing | None = None
    begun: bool = False


class SingleScheduler:
    """Stands where app.engine.scheduler.Scheduler stands for files that hold many sequences."""

    def __init__(self, writer: Writer, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._writer = writer
        self._clock = clock
        self._waiting: deque[_Sequence] = deque()
        self._running: _Sequence | None = None
        self._outbox: list[FromEngine] = []
        self._counters = Counters()

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
        return self._counters.stats(slots_busy=self.running, waiting=len(self._waiting))

    def submit(self, number: int, generation: Generation) -> None:
        """Queue a generation under a new number; a malformed one fails alone."""
        if reason := generation.validate(self._writer.shape) or _unable(generation):
            self._outbox.append(Failed(number, reason))
        else:
            report = Report(number, generation.stream_interval, self._clock())
            self._waiting.append(_Sequence(number, generation, report))

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
            self._running.report.admitted = self._clock()
            self._running.writing = self._writer.write(self._running.generation)
        if self._running is not None:
            self._work(self._running)
        sent, self._outbox = self._outbox, []
        return sent

    def release_idle(self) -> None:
        """Nothing to do for a while: the caches have the file's own length, and nothing can be given back."""

    def _work(self, sequence: _Sequence) -> None:
        assert sequence.writing is not None
        try:
            work = next(sequence.writing)
        except StopIteration as end:
            self._finish(sequence, end.value)
            return
        except (RuntimeError, ArithmeticError, LookupError, ValueError) as error:
            self._outbox.append(Failed(sequence.number, str(error)))
            self._end(sequence)
            return
        sequence.report.cached += work.cached
        self._counters.cached_tokens += work.cached
        if work.ids:
            self._counters.count_decode(len(work.ids))
            self._report(sequence, work)

    def _report(self, sequence: _Sequence, work: Work) -> None:
        """The first tokens at once, with what the prompt cost; later ones as many as the reader wants."""
        if not sequence.begun:
            self._outbox.append(sequence.report.prefilled(self._clock()))
        sequence.begun = True
        for index, token in enumerate(work.ids):
            sequence.report.add(token, work.logprobs[index] if work.logprobs else None)
        self._outbox += sequence.report.flush()

    def _finish(self, sequence: _Sequence, reason: str) -> None:
        if not sequence.begun:
            self._outbox.append(sequence.report.prefilled(self._clock()))
        sequence.report.end = Finished(sequence.number, reason)
        self._outbox += sequence.report.flush()
        self._end(sequence)

    def _end(self, sequence: _Sequence) -> None:
        if sequence.writing is not None:
            sequence.writing.close()
        self._running = None


def _unable(generation: Generation) -> str | None:
    """Why a file that holds one sequence cannot run a generation, or nothing."""
    if generation.needs_bytes:
        return "the bytes of this model's tokens are not known"
    return None
