"""One replica in simulated time: the door, and the scheduler's loop, whose steps only take time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import simpy

from bench.studies.cost import Cost
from bench.studies.traffic import Request


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
        left: Tokens still to generate.
        uncomputed: Prompt tokens without keys and values; None until its turn.
        cached: Prompt tokens that an earlier prompt has left.
        admitted, first_token, finished: When it got a slot, its first token, its last one.
    """

    request: Request
    left: int
    uncomputed: int | None = None
    cached: int = 0
    admitted: float = 0.0
    first_token: float = 0.0
    finished: float = 0.0


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
    _waiting: deque[Running] = field(default_factory=deque)
    _prefilling: deque[Running] = field(default_factory=deque)
    _decoding: list[Running] = field(default_factory=list)
    _earlier: deque[Request] = field(default_factory=deque)
    _remembered: Counter[int] = field(default_factory=Counter)
    _held: int = 0
    _decode_next: bool = False
    _wake: simpy.Event | None = None

    @property
    def inside(self) -> int:
        """Sequences running and waiting."""
        return len(self._waiting) + len(self._prefilling) + len(self._decoding)

    def offer(self, request: Request) -> bool:
        """Admit a request; False where it is refused."""
        if self.inside >= self.size.slots + self.size.queue:
            return False
        self._waiting.append(Running(request, request.completion))
        if self._wake is not None:
            self._wake.succeed()
            self._wake = None
        return True

    def run(self) -> Generator[simpy.Event, None, None]:
        """The loop: in turns a chunk of the oldest prompt and a token of every running sequence."""
        while True:
            if not self.inside:
                self._wake = self.environment.event()
                yield self._wake
            while self._waiting and len(self._prefilling) + len(self._decoding) < self.size.slots:
                self._prefilling.append(self._waiting.popleft())
                self._prefilling[-1].admitted = self.environment.now
            if self._prefilling and not (self._decoding and self._decode_next):
                self._decode_next = True
                yield from self._prefill(self._prefilling[0])
            else:
                self._decode_next = False
                yield from self._decode()

    def _prefill(self, running: Running) -> Generator[simpy.Event, None, None]:
        if running.uncomputed is None:
            running.cached = self._look_up(running.request)
            running.uncomputed = running.request.prompt - running.cached
        tokens = min(running.uncomputed, self.size.chunk)
        yield self._lasting(self.cost.prefill_seconds(tokens))
        running.uncomputed -= tokens
        if not running.uncomputed:
            self._prefilling.popleft()
            running.first_token = self.environment.now
            self._decoding.append(running)
            self._advance([running])

    def _decode(self) -> Generator[simpy.Event, None, None]:
        batch = list(self._decoding)
        yield self._lasting(self.cost.decode_seconds(len(batch)))
        self._advance(batch)

    def _advance(self, batch: list[Running]) -> None:
        """A token for each; those that were waiting for their last one leave."""
        for running in batch:
            running.left -= 1
            if not running.left:
                self._decoding.remove(running)
                running.finished = self.environment.now
                self.done(running)

    def _lasting(self, seconds: float) -> simpy.Event:
        self.busy_seconds += seconds
        return self.environment.timeout(seconds)

    def _look_up(self, request: Request) -> int:
        """Tokens that an earlier prompt of the client has left; the request's own are there from now on."""
        hit = self._remembered[request.client] > 0
        self._earlier.append(request)
        self._remembered[request.client] += 1
        self._held += request.prompt + request.completion
        while self._held > self.size.cache_tokens and len(self._earlier) > 1:
            oldest = self._earlier.popleft()
            self._remembered[oldest.client] -= 1
            self._held -= oldest.prompt + oldest.completion
        return min(request.shared, request.prompt - 1) if hit else 0
