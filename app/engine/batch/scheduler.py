"""Continuous batching in plain steps: a chunk of a prompt and a token of every running sequence, in turns."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from app.engine.batch.sequence import Sequence
from app.engine.batch.speculation import DRAFTED, Drafter
from app.engine.kv.arrays import Floats, common
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry, PrefixCache
from app.engine.messages import Failed, FromEngine, Generation, Stats
from app.engine.runtimes.interface import Runner

NOTHING = np.zeros(0, np.int32)

EXTENDED = DRAFTED + 1
"""Tokens of a call on the decode cache: the newest and the drafted ones, or the end of a prompt."""


class Scheduler:
    """Holds every sequence and decides what the runner computes next. First in, first out."""

    def __init__(
        self,
        runner: Runner,
        cache: DecodeCache,
        prefixes: PrefixCache,
        *,
        prefill_chunk: int,
        drafter: Drafter | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._runner = runner
        self._cache = cache
        self._prefixes = prefixes
        self._cache_bytes = prefixes.budget
        self._prefill_chunk = prefill_chunk
        self._drafter = drafter
        self._clock = clock
        self._waiting: deque[Sequence] = deque()
        self._prefilling: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._left = NOTHING
        self._outbox: list[FromEngine] = []
        self._decode_next = False
        self._decode_steps = self._decode_rows = self._prefill_tokens = self._cached_tokens = 0
        self._drafted_tokens = self._accepted_tokens = 0
        self._decode_seconds = self._prefill_seconds = 0.0

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._waiting or self._prefilling or self._running or self._outbox)

    @property
    def running(self) -> int:
        """Sequences that are being decoded."""
        return len(self._running)

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
            drafted_tokens=self._drafted_tokens,
            accepted_tokens=self._accepted_tokens,
        )

    def submit(self, number: int, generation: Generation) -> None:
        """Queue a generation under a new number; a malformed one fails alone."""
        if reason := generation.misfit(self._runner.shape):
            self._outbox.append(Failed(number, reason))
        else:
            self._waiting.append(Sequence.of(number, generation, self._clock()))

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
        """Admit, then prefill one chunk or decode one token of every running sequence; return what happened.

        A first token is said before the others' next ones are computed.
        """
        while self._waiting and self._has_room(self._waiting[0]):
            sequence = self._waiting.popleft()
            sequence.admitted = self._clock()
            self._prefilling.append(sequence)
        if self._prefilling and not (self._running and self._decode_next):
            self._decode_next = True
            self._prefill(self._prefilling[0])
        elif self._running:
            self._decode_next = False
            self._decode()
        said, self._outbox = self._outbox, []
        return said

    def _has_room(self, sequence: Sequence) -> bool:
        """Whether there is a slot, and memory for all at their longest; one that is alone may run anyway."""
        inside = [*self._prefilling, *self._running]
        longest = max(len(s.tokens) for s in [*inside, sequence])
        needed = self._cache.cost(len(inside) + 1, longest)
        return len(inside) < self._cache.slots and (not inside or needed <= self._cache_bytes)

    def rest(self) -> None:
        """Give back the decode cache's memory: nothing has run for a while."""
        if not self._running:
            self._cache.give_back()
            self._left = NOTHING
            self._balance()

    def _prefill(self, sequence: Sequence) -> None:
        """One chunk of the prompt; after the last one the first token is chosen and the sequence may run."""
        began = self._clock()
        if sequence.entry is None:  # not at admission: the sequence ahead may begin alike
            sequence.entry, sequence.cached = self._prefixes.acquire(sequence.prompt)
            self._cached_tokens += sequence.cached
        entry, known, nearly = sequence.entry, sequence.entry.length, self._nearly_known(sequence)
        try:
            logits = self._continue(sequence, entry) if nearly else self._chunk(sequence, entry)
        except RuntimeError as error:
            self._prefilling.remove(sequence)
            self._fail(sequence, error)
            return
        self._prefill_tokens += entry.length - known
        self._prefill_seconds += self._clock() - began
        if entry.length < len(sequence.prompt):
            return
        self._prefilling.remove(sequence)
        sequence.computed = entry.length
        self._outbox.append(sequence.prefilled(self._clock()))
        sequence.choose(logits)
        self._outbox += sequence.said()
        if sequence.end is None:
            if not nearly:
                slot = len(self._running)
                self._cache.fit(max(s.length for s in [*self._running, sequence]), slot)
                self._cache.load(slot, entry.cached)
                self._balance()
            self._running.append(sequence)
        self._release(sequence)

    def _chunk(self, sequence: Sequence, entry: Entry) -> Floats:
        """The next chunk of a prompt; logits [V] of its last token."""
        chunk = sequence.prompt[entry.length : entry.length + self._prefill_chunk]
        logits: Floats = self._runner.prefill(entry, chunk, [len(chunk) - 1])[0]
        return logits

    def _nearly_known(self, sequence: Sequence) -> bool:
        """Whether so few tokens are missing, as while a text is typed, that the shape of a draft serves."""
        assert sequence.entry is not None
        known, room = sequence.entry.length, self._runner.shape.sequence_length - EXTENDED
        return not self._running and 0 < len(sequence.prompt) - known <= EXTENDED and 0 < known <= room

    def _continue(self, sequence: Sequence, entry: Entry) -> Floats:
        """The last tokens of a prompt whose beginning is cached, in the free decode cache; logits [V].

        The calls keep their shapes from one request to the next, which `prefill` would change each time; what
        is computed beyond the prompt is dropped. What the last sequence has left there is not copied again.
        """
        start, rest = entry.length, sequence.prompt[entry.length :]
        there = common(self._left, sequence.prompt[:start])
        self._cache.fit(start + EXTENDED, 1)
        self._cache.load(0, entry.cached[:, there:], there)
        self._left = sequence.prompt[:start]
        self._balance()
        logits: Floats
        if len(rest) == 1:
            logits = self._runner.decode(self._cache, [int(rest[0])], [start])[0]
        else:
            tokens = [*map(int, rest), *[0] * (EXTENDED - len(rest))]
            found = self._runner.extend(self._cache, tokens, start)
            self._cache.write(0, start, found.rows[:, : len(rest)])
            logits = found.logits[len(rest) - 1]
        entry.room(len(rest))[:] = self._cache.rows(0, start, start + len(rest))
        entry.extend(rest)
        self._left = sequence.prompt
        return logits

    def _decode(self) -> None:
        """One step of every running sequence; a sequence that is alone may verify a draft instead."""
        alone = len(self._running) == 1 and not self._prefilling and not self._waiting
        first = self._running[0]
        draft = self._draft(first) if alone and self._drafter is not None else []
        try:
            if draft:
                self._verify(first, draft)
            else:
                self._step()
        except RuntimeError as error:
            failed, self._running, self._left = self._running, [], NOTHING
            for sequence in failed:
                self._fail(sequence, error)

    def _step(self) -> None:
        tokens = [int(s.tokens[s.computed]) for s in self._running]
        positions = [s.computed for s in self._running]
        began = self._clock()
        self._cache.fit(max(positions) + 1, len(tokens))
        self._balance()
        logits = self._runner.decode(self._cache, tokens, positions)
        seconds = self._clock() - began
        self._count(seconds, len(tokens))
        if self._drafter is not None and len(tokens) == 1:
            self._drafter.observe_step(seconds)
        for sequence, row in zip(self._running, logits, strict=True):
            sequence.computed += 1
            sequence.choose(row)
            self._outbox += sequence.said()
        for sequence in [s for s in self._running if s.end]:
            self._leave(sequence)

    def _draft(self, sequence: Sequence) -> list[int]:
        assert self._drafter is not None
        room = self._runner.shape.sequence_length - sequence.length
        if sequence.left < 2 or room < DRAFTED:
            return []
        return self._drafter.propose(sequence.record, sequence.tokens[: sequence.length])

    def _verify(self, sequence: Sequence, draft: list[int]) -> None:
        """Feed the newest token and the drafted ones; keep what the sampler would have chosen anyway."""
        assert self._drafter is not None
        began = self._clock()
        start = sequence.computed
        self._cache.fit(start + 1 + len(draft), 1)
        self._balance()
        found = self._runner.extend(self._cache, [int(sequence.tokens[start]), *draft], start)
        seconds = self._clock() - began
        kept = 0
        while (
            sequence.end is None
            and kept <= len(draft)
            and (kept == 0 or sequence.tokens[start + kept] == draft[kept - 1])
        ):
            sequence.choose(found.logits[kept])
            kept += 1
        self._outbox += sequence.said()
        self._cache.write(0, start, found.rows[:, :kept])
        sequence.computed += kept
        self._count(seconds, kept)
        self._drafted_tokens += len(draft)
        self._accepted_tokens += kept - 1
        self._drafter.observe_draft(sequence.record, kept - 1, seconds)
        if sequence.end:
            self._leave(sequence)

    def _count(self, seconds: float, tokens: int) -> None:
        self._decode_steps += 1
        self._decode_rows += tokens
        self._decode_seconds += seconds

    def _fail(self, sequence: Sequence, error: Exception) -> None:
        self._outbox.append(Failed(sequence.number, str(error)))
        self._release(sequence)

    def _leave(self, sequence: Sequence) -> None:
        """Free a running sequence's slot: keep what it computed, move the last one into its place."""
        slot, last = self._running.index(sequence), len(self._running) - 1
        end = sequence.computed
        if end > len(sequence.prompt):
            self._prefixes.keep(sequence.tokens[:end], lambda start: self._cache.rows(slot, start, end))
        if slot != last:
            self._running[slot] = self._running[last]
            self._cache.move(last, slot, self._running[slot].computed)
        self._running.pop()
        self._left = sequence.tokens[:end]

    def _release(self, sequence: Sequence) -> None:
        if sequence.entry is not None:
            self._prefixes.release(sequence.entry)
            sequence.entry = None

    def _balance(self) -> None:
        """Earlier prompts may have what running sequences leave."""
        self._prefixes.fit(max(self._cache_bytes - self._cache.bytes, 0))
