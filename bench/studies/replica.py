"""One replica in simulated time: the service's door, and the engine's scheduler with steps that take time."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import simpy

from app.engine.batch.scheduler import Scheduler
from app.engine.kv.arrays import Floats, Ints
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry, PrefixCache
from app.engine.messages import Finished, FromEngine, Generation, Prefilled
from app.engine.runtimes.interface import Drafted
from app.model.shape import ModelShape
from bench.studies.cost import Cost
from bench.studies.traffic import Request

SHAPE = ModelShape(layers=1, kv_heads=1, group=1, head_size=30, vocabulary=256, sequence_length=512)
"""Small, since nothing is computed; logits take the memory of as many tokens as with the default model."""


@dataclass(frozen=True, slots=True)
class Size:
    """What one replica has room for; the defaults are the service's for two threads.

    Attributes:
        slots: Sequences decoded at once.
        queue: Sequences that may wait.
        chunk: Most prompt tokens computed between two decode steps.
        cache_tokens: Tokens whose keys and values it holds, of running sequences and of earlier prompts.
    """

    slots: int = 8
    queue: int = 32
    chunk: int = 128
    cache_tokens: int = 3640


@dataclass(eq=False, slots=True)
class Running:
    """A request inside a replica.

    Attributes:
        cached: Prompt tokens that earlier prompts have left.
        admitted, first_token, finished: When it got a slot, its first token, its last one.
    """

    request: Request
    cached: int = 0
    admitted: float = 0.0
    first_token: float = 0.0
    finished: float = 0.0


class TimedRunner:
    """A runner that computes nothing: its calls add up the seconds that they would take."""

    exact = True
    shape = SHAPE

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._seconds = 0.0

    def elapsed(self) -> float:
        """Seconds since the last time that this was asked."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds

    def prefill(self, entry: Entry, tokens: Ints, rows: Sequence[int]) -> Floats:
        """See Runner."""
        self._seconds += self._cost.prefill_seconds(len(tokens))
        entry.extend(tokens)
        return self._logits(len(rows))

    def decode(self, cache: DecodeCache, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        """See Runner."""
        self._seconds += self._cost.decode_seconds(len(tokens))
        return self._logits(len(tokens))

    def extend(self, cache: DecodeCache, tokens: Sequence[int], position: int) -> Drafted:
        """See Runner."""
        self._seconds += self._cost.prefill_seconds(len(tokens))
        rows = np.zeros((2 * SHAPE.layers, len(tokens), SHAPE.kv_heads, SHAPE.head_size), np.float32)
        return Drafted(self._logits(len(tokens)), rows)

    def _logits(self, rows: int) -> Floats:
        return np.zeros((rows, SHAPE.vocabulary), np.float32)


@dataclass(eq=False, slots=True)
class Replica:
    """Serves what is offered to it.

    Attributes:
        done: Called with each request that has been answered.
        busy_seconds: Time in which a step ran.
    """

    environment: simpy.Environment
    cost: Cost
    size: Size
    done: Callable[[Running], None]
    busy_seconds: float = 0.0
    _inside: dict[int, Running] = field(default_factory=dict)
    _offered: int = 0
    _wake: simpy.Event | None = None
    _runner: TimedRunner = field(init=False)
    _scheduler: Scheduler = field(init=False)

    def __post_init__(self) -> None:
        self._runner = TimedRunner(self.cost)
        self._scheduler = Scheduler(
            self._runner,
            DecodeCache(SHAPE, self.size.slots),
            PrefixCache(SHAPE, self.size.cache_tokens * SHAPE.token_bytes),
            prefill_chunk=self.size.chunk,
            clock=lambda: float(self.environment.now),
        )

    @property
    def inside(self) -> int:
        """Sequences running and waiting."""
        return len(self._inside)

    def offer(self, request: Request) -> bool:
        """Admit a request; False where it is refused."""
        if self.inside >= self.size.slots + self.size.queue:
            return False
        self._offered += 1
        self._inside[self._offered] = Running(request)
        self._scheduler.submit(self._offered, generation_of(request))
        if self._wake is not None:
            self._wake.succeed()
            self._wake = None
        return True

    def run(self) -> Generator[simpy.Event, None, None]:
        """The engine's loop: what a step has to say is known when its time has passed."""
        while True:
            if not self._scheduler.busy:
                self._wake = self.environment.event()
                yield self._wake
            began = self.environment.now
            messages = self._scheduler.step()
            seconds = self._runner.elapsed()
            self.busy_seconds += seconds
            yield self.environment.timeout(seconds)
            for message in messages:
                self._note(message, began)

    def _note(self, message: FromEngine, began: float) -> None:
        now = self.environment.now
        match message:
            case Prefilled(number, cached, queue, _):
                running = self._inside[number]
                running.cached, running.first_token = cached, now
                running.admitted = running.request.arrival + queue
            case Finished(number):
                running = self._inside.pop(number)
                running.finished = now
                self.done(running)


def generation_of(request: Request) -> Generation:
    """Random tokens: those that all prompts of a client begin with, and those of this one."""
    begin, end = random.Random(-1 - request.client), random.Random(request.seed)
    shared = partial(begin.randrange, SHAPE.vocabulary)
    own = partial(end.randrange, SHAPE.vocabulary)
    prompt = [shared() for _ in range(request.shared)]
    prompt += [own() for _ in range(request.prompt - request.shared)]
    return Generation(tuple(prompt), request.completion, stream_interval=request.completion)
