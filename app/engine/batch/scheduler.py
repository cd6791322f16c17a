"""Continuous batching in plain steps: a chunk of a prompt and a token of every running sequence, in turns."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from app.engine.batch.decode import Decode
from app.engine.batch.grammar import Grammars
from app.engine.batch.grammar_queue import GrammarQueue
from app.engine.batch.prefill import Known, Prefill, PromptEnd
from app.engine.batch.search_lanes import SEARCH_LANES, SearchLanes
from app.engine.batch.sequence import Sequence
from app.engine.batch.speculation import Drafter
from app.engine.batch.word_search import is_uncertain
from app.engine.counters import Counters
from app.engine.kv.arrays import Floats
from app.engine.kv.budget import MemoryBudget
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry, PrefixCache
from app.engine.messages import Failed, FromEngine, Generation, Stats
from app.engine.runtimes.interface import Runner
from app.engine.sampler import GREEDY
from app.model.vocabulary import Vocabulary


class Scheduler:
    """Holds every sequence and decides what the runner computes next. First in, first out.

    A step is one call of the runner: the next chunk of the oldest prompt that is not complete, or one token
    of every lane. A new request's first token is sent before the next decode step runs for the other
    requests.
    """

    def __init__(
        self,
        runner: Runner,
        cache: DecodeCache,
        prefixes: PrefixCache,
        *,
        prefill_chunk: int,
        vocabulary: Vocabulary | None = None,
        drafter: Drafter | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._runner = runner
        self._cache = cache
        self._prefixes = prefixes
        self._vocabulary = vocabulary
        self._clock = clock
        self._slots = cache.slots - (SEARCH_LANES if vocabulary else 0)
        self._budget = MemoryBudget(cache, prefixes)
        self._counters = Counters()
        self._prompts = Prefill(runner, cache, prefixes, self._budget, prefill_chunk)
        self._decoding = Decode(runner, cache, self._budget, self._counters, drafter, clock)
        self._compiling = GrammarQueue(Grammars(vocabulary, self._counters))
        self._waiting: deque[Sequence] = deque()
        self._prefilling: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._search: SearchLanes | None = None
        self._outbox: list[FromEngine] = []
        self._decode_next = False

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return self._has_work or len(self._compiling) > 0

    @property
    def running(self) -> int:
        """Sequences that are being decoded."""
        return len(self._running)

    @property
    def stats(self) -> Stats:
        """Counters since the start and levels now."""
        return self._counters.stats(
            slots_busy=len(self._prefilling) + len(self._running),
            waiting=len(self._compiling) + len(self._waiting),
            prefix_bytes=self._prefixes.bytes,
        )

    def submit(self, number: int, generation: Generation) -> None:
        """Queue a generation under a new number; a malformed one fails alone."""
        if reason := generation.validate(self._runner.shape) or self._unable(generation):
            self._outbox.append(Failed(number, reason))
        else:
            now, exact = self._clock(), self._runner.exact
            sequence = Sequence.of(number, generation, now, self._vocabulary, exact=exact)
            if generation.grammar:
                self._compiling.add(sequence)
            else:
                self._waiting.append(sequence)

    def cancel(self, number: int) -> None:
        """Forget a generation, wherever it is; an unknown number has just finished."""
        self._compiling.remove(number)
        for queue in (self._waiting, self._prefilling):
            for sequence in [s for s in queue if s.number == number]:
                queue.remove(sequence)
                self._give_up(sequence)
        for sequence in [s for s in self._running if s.number == number]:
            self._leave(sequence)

    def release_idle(self) -> None:
        """Free the decode cache's memory: nothing has run for a while."""
        if not self._cache.lanes:
            self._cache.give_back()
            self._budget.balance()

    def step(self) -> list[FromEngine]:
        """Admit, then prefill one chunk or decode one token of every lane; return what happened."""
        self._take_compiled()
        self._admit()
        if self._search is None and self._prefilling and not (self._running and self._decode_next):
            self._decode_next = True
            self._prefill(self._prefilling[0])
        elif self._cache.lanes:
            self._decode_next = False
            self._decode()
        sent, self._outbox = self._outbox, []
        return sent

    def _unable(self, generation: Generation) -> str | None:
        """Why this scheduler cannot run a generation, or nothing."""
        if self._vocabulary is None and generation.needs_bytes:
            return "the bytes of this model's tokens are not known"
        if generation.alternatives >= self._slots:
            return f"{generation.alternatives} alternatives need more than {self._slots} slots"
        return None

    @property
    def _has_work(self) -> bool:
        """Whether a step would do anything now."""
        return bool(self._waiting or self._prefilling or self._running or self._outbox)

    def _take_compiled(self) -> None:
        """Queue the sequences whose grammar is compiled."""
        for sequence in self._compiling.take(idle=not self._has_work):
            if sequence.failed:
                self._outbox += sequence.flush()
            else:
                self._waiting.append(sequence)

    def _admit(self) -> None:
        while self._waiting and self._has_room(self._waiting[0]):
            sequence = self._waiting.popleft()
            sequence.report.admitted = self._clock()
            self._prefilling.append(sequence)

    def _has_room(self, sequence: Sequence) -> bool:
        """Whether there are slots, and memory for all at their longest; one that is alone may run anyway."""
        inside = [*self._prefilling, *self._running]
        lanes = sum(s.lanes for s in self._prefilling) + len(self._running) + sequence.lanes
        searching = any(s.may_search for s in (*self._prefilling, sequence))
        longest = max(len(s.tokens) for s in (*inside, sequence))
        fits = self._budget.fits(lanes + (SEARCH_LANES if searching else 0), longest)
        return lanes <= self._slots and (not inside or fits)

    def _prefill(self, sequence: Sequence) -> None:
        """Make one call for a prompt; go on to the first token behind its end."""
        try:
            end = self._prompts.advance(sequence)
            if end is not None:
                self._begin(sequence, end)
        except (ArithmeticError, RuntimeError) as error:
            self._prefilling.remove(sequence)
            self._fail(sequence, str(error))

    def _begin(self, sequence: Sequence, end: PromptEnd) -> None:
        """The prompt is known: choose what follows it, or search its first word."""
        self._counters.cached_tokens += sequence.report.cached
        self._outbox.append(sequence.report.prefilled(self._clock()))
        length = len(sequence.prompt)
        if self._needs_search(sequence, end.logits):
            sequence.remember(length, end.logits)
            self._open_lane(sequence, end.entry, length)
            self._begin_search(sequence, end.logits)
        else:
            sequence.take(length, end.logits)
            self._counters.known_tokens += end.known
            known = self._follow(sequence)
            if not sequence.ended or sequence.lane is not None:
                self._open_lane(sequence, *(known.rows if known else (end.entry, length)))
            self._prefilling.remove(sequence)
            self._run(sequence)
        if sequence.entry is not None:
            sequence.entry.remember(sequence.logits)
            self._release(sequence)

    def _follow(self, sequence: Sequence) -> Known | None:
        """Take the next tokens that are known."""
        known = self._prompts.follow(sequence)
        self._counters.known_tokens += known.tokens if known else 0
        return known

    def _open_lane(self, sequence: Sequence, entry: Entry | None, length: int) -> None:
        """Give a sequence a lane with an entry's first `length` tokens, or its lane those that it lacks."""
        lane = sequence.lane
        if lane is None:
            assert entry is not None
            sequence.lane = self._cache.open(sequence.tokens, entry.rows[:, :length])
        elif entry is not None and length > lane.length:
            self._cache.reserve(length + 1)
            self._cache.write(lane.slot, lane.length, entry.rows[:, lane.length : length])
            lane.length = length
        self._budget.balance()

    def _run(self, sequence: Sequence) -> None:
        """A sequence has its first tokens: it goes on, or has ended with them."""
        self._outbox += (sequence.leader or sequence).flush()
        if sequence.lane is not None:
            self._running.append(sequence)
            if sequence.ended:
                self._leave(sequence)

    def _needs_search(self, sequence: Sequence, logits: Floats) -> bool:
        """Whether other first words are asked for, or what is typed has several likely spellings."""
        generation = sequence.generation
        if self._vocabulary is None or not sequence.may_search:
            return False
        if generation.alternatives:
            return True
        return generation.sampling.temperature < GREEDY and is_uncertain(
            self._vocabulary, sequence.typed, sequence.sampler.biased(logits)
        )

    def _begin_search(self, sequence: Sequence, logits: Floats) -> None:
        assert self._vocabulary is not None
        self._counters.searches += 1
        known = (
            self._prefixes.branches(sequence.prompt, sequence.generation.owner) if self._runner.exact else {}
        )
        self._search = SearchLanes(sequence, self._vocabulary, self._cache, known)
        self._search.begin(logits)
        self._budget.balance()
        if self._search.done:
            self._end_search(self._search)

    def _end_search(self, search: SearchLanes) -> None:
        """Go on behind the likeliest word, and beside it behind the others."""
        self._search = None
        leader, words = search.sequence, search.outcome()
        leader.branches = search.branches if leader.exact else {}
        self._prefilling.remove(leader)
        assert leader.lane is not None
        if words[0] is None:
            leader.choose(search.logits)
        for found in words[1:]:
            assert found is not None
            other = leader.branch(self._clock())
            other.lane = self._cache.fork(leader.lane, len(leader.prompt))
            other.lane.tokens = other.tokens
            leader.alternatives.append(other)
            search.write(other, found)
        if words[0] is not None:
            search.write(leader, words[0])
        if known := self._follow(leader):
            self._open_lane(leader, *known.rows)
        for sequence in (*leader.alternatives, leader):
            self._run(sequence)

    def _decode(self) -> None:
        """One token of every lane; a sequence that is alone may verify a draft instead."""
        alone = self._running[0] if self._running and not (self._prefilling or self._waiting) else None
        draft = self._decoding.draft(alone) if alone else []
        try:
            if alone and draft:
                self._decoding.verify(alone, draft)
                self._outbox += (alone.leader or alone).flush()
            else:
                self._apply(self._decoding.step())
        except RuntimeError as error:
            self._fail_all(str(error))
            return
        for sequence in [s for s in self._running if s.ended]:
            self._leave(sequence)

    def _apply(self, logits: Floats) -> None:
        """Take a step's logits [B, V]: the next token of each sequence, the next hypotheses of a search."""
        for sequence in self._running:
            assert sequence.lane is not None
            sequence.take(sequence.lane.length, logits[sequence.lane.slot])
            self._outbox += (sequence.leader or sequence).flush()
        search = self._search
        if search is None:
            return
        try:
            search.apply(logits)
        except ArithmeticError as error:
            self._prefilling.remove(search.sequence)
            self._fail(search.sequence, str(error))
            return
        if search.done:
            self._end_search(search)

    def _leave(self, sequence: Sequence) -> None:
        """Free a running sequence's lane; what it computed is kept for prompts that begin alike."""
        lane = sequence.lane
        assert lane is not None
        self._running.remove(sequence)
        sequence.lane = None
        if sequence.failed:
            self._cache.discard(lane)
            return
        if sequence.leader is None:
            self._prefixes.keep(
                sequence.tokens[: lane.length],
                lambda start: self._cache.computed(lane, start),
                sequence.generation.owner,
                sequence.logits,
                len(sequence.prompt),
                sequence.branches,
            )
        self._cache.close(lane)

    def _fail_all(self, message: str) -> None:
        """The runtime has failed in a step: so have all that ran in it, and nothing of theirs is kept."""
        failed = list(dict.fromkeys(s.leader or s for s in self._running))
        if self._search is not None:
            failed.append(self._search.sequence)
            self._prefilling.remove(self._search.sequence)
            self._search = None
        self._running = []
        for lane in list(self._cache.lanes):
            self._cache.discard(lane)
        for sequence in failed:
            sequence.lane = None
            self._fail(sequence, message)

    def _fail(self, sequence: Sequence, message: str) -> None:
        """End a sequence with an error, and keep nothing that was computed for it."""
        sequence.fail(message)
        self._outbox += sequence.flush()
        entry, sequence.entry = sequence.entry, None
        if entry is not None:
            self._prefixes.drop(entry)
        self._give_up(sequence)

    def _give_up(self, sequence: Sequence) -> None:
        """Forget a sequence that does not run yet."""
        if self._search is not None and self._search.sequence is sequence:
            self._search.close()
            self._search = None
        if sequence.lane is not None:
            self._cache.discard(sequence.lane)
            sequence.lane = None
        self._release(sequence)

    def _release(self, sequence: Sequence) -> None:
        if sequence.entry is not None:
            self._prefixes.release(sequence.entry)
            sequence.entry = None
