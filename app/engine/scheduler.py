"""Continuous batching in plain steps: one chunk of a prompt, one token of every running sequence."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from app.engine.cache import DecodeCache
from app.engine.memory import Floats
from app.engine.messages import Failed, Finished, FromEngine, Generation, Stats, Tokens
from app.engine.prefix import Entry, PrefixCache
from app.engine.runner import Ints, Runner
from app.engine.sampler import Sampler


@dataclass(eq=False, slots=True)
class Sequence:
    """One generation on its way: waiting, then prefilling (it has an entry), then running (it has a slot).

    Attributes:
        fed: Tokens after the prompt whose keys and values are in the decode cache.
        token: The newest token, not fed yet.
    """

    number: int
    generation: Generation
    prompt: Ints
    sampler: Sampler
    submitted: float
    entry: Entry | None = None
    cached: int = 0
    admitted: float = 0.0
    prefilled: float = 0.0
    fed: list[int] = field(default_factory=list)
    token: int = -1
    generated: int = 0

    @property
    def position(self) -> int:
        """Place of the newest token in the sequence."""
        return len(self.prompt) + len(self.fed)


class Scheduler:
    """Holds every sequence and decides what the runner computes next. First in, first out."""

    def __init__(
        self,
        runner: Runner,
        cache: DecodeCache,
        prefixes: PrefixCache,
        *,
        prefill_chunk: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._runner = runner
        self._cache = cache
        self._prefixes = prefixes
        self._prefill_chunk = prefill_chunk
        self._clock = clock
        self._waiting: deque[Sequence] = deque()
        self._prefilling: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._outbox: list[FromEngine] = []
        self._decode_steps = self._decode_rows = self._prefill_tokens = self._cached_tokens = 0
        self._decode_seconds = self._prefill_seconds = 0.0

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._waiting or self._prefilling or self._running)

    @property
    def stats(self) -> Stats:
        """Counters since the start and levels now."""
        return Stats(
            slots_busy=len(self._prefilling) + len(self._running),
            waiting=len(self._waiting),
            decode_steps=self._decode_steps,
            decode_seconds=self._decode_seconds,
            decode_rows=self._decode_rows,
            prefill_tokens=self._prefill_tokens,
            prefill_seconds=self._prefill_seconds,
            cached_tokens=self._cached_tokens,
            prefix_bytes=self._prefixes.bytes,
        )

    def submit(self, number: int, generation: Generation) -> None:
        """Queue a generation under a new number; a malformed one fails alone."""
        shape = self._runner.shape
        length = len(generation.prompt) + generation.max_tokens
        if not generation.prompt or generation.max_tokens < 1 or length > shape.sequence_length:
            self._outbox.append(Failed(number, f"{length} tokens do not fit {shape.sequence_length}"))
        elif not all(0 <= token < shape.vocabulary for token in generation.prompt):
            self._outbox.append(Failed(number, "a token id is outside the vocabulary"))
        else:
            prompt = np.array(generation.prompt, np.int32)
            sampler = Sampler(generation.sampling, generation.prompt)
            self._waiting.append(Sequence(number, generation, prompt, sampler, self._clock()))

    def cancel(self, number: int) -> None:
        """Forget a generation, wherever it is; an unknown number has just finished."""
        for queue in (self._waiting, self._prefilling):
            for sequence in queue:
                if sequence.number == number:
                    queue.remove(sequence)
                    self._release(sequence)
                    return
        for sequence in self._running:
            if sequence.number == number:
                self._leave(sequence)
                return

    def step(self) -> list[FromEngine]:
        """Admit, prefill one chunk, decode one token of every running sequence; return what happened."""
        while self._waiting and len(self._prefilling) + len(self._running) < self._cache.slots:
            self._admit(self._waiting.popleft())
        if self._prefilling:
            self._prefill(self._prefilling[0])
        if self._running:
            self._decode()
        said, self._outbox = self._outbox, []
        return said

    def _admit(self, sequence: Sequence) -> None:
        sequence.admitted = self._clock()
        sequence.entry, sequence.cached = self._prefixes.acquire(sequence.prompt)
        self._cached_tokens += sequence.cached
        self._prefilling.append(sequence)

    def _prefill(self, sequence: Sequence) -> None:
        """One chunk of the prompt; after the last one the first token is chosen and the sequence may run."""
        entry, began = sequence.entry, self._clock()
        assert entry is not None
        chunk = sequence.prompt[entry.length : entry.length + self._prefill_chunk]
        try:
            logits = self._runner.prefill(entry, chunk, [len(chunk) - 1])
        except RuntimeError as error:
            self._prefilling.remove(sequence)
            self._fail(sequence, error)
            return
        self._prefill_tokens += len(chunk)
        self._prefill_seconds += self._clock() - began
        if entry.length < len(sequence.prompt):
            return
        self._prefilling.remove(sequence)
        sequence.prefilled = self._clock()
        if self._choose(sequence, logits[0]):
            self._cache.fit(max([s.position for s in [*self._running, sequence]]) + 1, len(self._running))
            self._cache.load(len(self._running), entry.cached)
            self._running.append(sequence)
        else:
            self._release(sequence)

    def _decode(self) -> None:
        tokens = [s.token for s in self._running]
        positions = [s.position for s in self._running]
        began = self._clock()
        self._cache.fit(max(positions) + 1, len(tokens))
        try:
            logits = self._runner.decode(self._cache, tokens, positions)
        except RuntimeError as error:
            for sequence in list(self._running):
                self._running.remove(sequence)
                self._fail(sequence, error)
            return
        self._decode_steps += 1
        self._decode_rows += len(tokens)
        self._decode_seconds += self._clock() - began
        ended = []
        for sequence, row in zip(self._running, logits, strict=True):
            sequence.fed.append(sequence.token)
            if not self._choose(sequence, row):
                ended.append(sequence)
        for sequence in ended:
            self._leave(sequence)

    def _choose(self, sequence: Sequence, logits: Floats) -> bool:
        """Sample the next token and report it; False when the sequence has ended."""
        try:
            token, logprob = sequence.sampler.choose(logits)
        except FloatingPointError as error:
            self._outbox.append(Failed(sequence.number, str(error)))
            return False
        if token in sequence.generation.stop_ids:
            self._finish(sequence, "stop")
            return False
        sequence.token = token
        sequence.generated += 1
        logprobs = () if logprob is None else (logprob,)
        self._outbox.append(Tokens(sequence.number, (token,), logprobs))
        if sequence.generated == sequence.generation.max_tokens:
            self._finish(sequence, "length")
            return False
        return True

    def _finish(self, sequence: Sequence, reason: str) -> None:
        self._outbox.append(
            Finished(
                sequence.number,
                reason,
                cached_tokens=sequence.cached,
                queue_seconds=sequence.admitted - sequence.submitted,
                prefill_seconds=sequence.prefilled - sequence.admitted,
                decode_seconds=self._clock() - sequence.prefilled,
            )
        )

    def _fail(self, sequence: Sequence, error: Exception) -> None:
        self._outbox.append(Failed(sequence.number, str(error)))
        self._release(sequence)

    def _leave(self, sequence: Sequence) -> None:
        """Free a running sequence's slot: keep what it computed, move the last one into its place."""
        slot, last = self._running.index(sequence), len(self._running) - 1
        entry, fed = sequence.entry, np.array(sequence.fed, np.int32)
        assert entry is not None
        start = len(sequence.prompt)
        if len(fed):
            rows = self._cache.rows(slot, start, start + len(fed))
            layers = len(rows) // 2
            entry.extend(start, fed, rows[:layers], rows[layers:])
        if slot != last:
            self._running[slot] = self._running[last]
            self._cache.move(last, slot, self._running[slot].position)
        self._running.pop()
        self._release(sequence)

    def _release(self, sequence: Sequence) -> None:
        if sequence.entry is not None:
            self._prefixes.release(sequence.entry)
