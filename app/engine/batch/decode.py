"""One call of the runner for new tokens: one of every lane, or a draft of the only one."""

from __future__ import annotations

from collections.abc import Callable

from app.engine.batch.sequence import Sequence
from app.engine.batch.speculation import DRAFTED, Drafter
from app.engine.counters import Counters
from app.engine.kv.arrays import Floats
from app.engine.kv.budget import MemoryBudget
from app.engine.kv.decode_cache import DecodeCache
from app.engine.runtimes.interface import Runner


class Decode:
    """Computes new tokens and keeps count of what they cost."""

    def __init__(
        self,
        runner: Runner,
        cache: DecodeCache,
        budget: MemoryBudget,
        counters: Counters,
        drafter: Drafter | None,
        clock: Callable[[], float],
    ) -> None:
        self._runner = runner
        self._cache = cache
        self._budget = budget
        self._counters = counters
        self._drafter = drafter
        self._clock = clock

    def step(self) -> Floats:
        """Feed the next token of every lane; logits [B, V] by slot, valid until the next call.

        Raises:
            RuntimeError: The runtime has failed.
        """
        lanes = self._cache.lanes
        tokens = [int(lane.tokens[lane.length]) for lane in lanes]
        positions = [lane.length for lane in lanes]
        began = self._clock()
        self._cache.reserve(max(positions) + 1)
        self._budget.balance()
        logits = self._runner.decode(self._cache, tokens, positions)
        self._counters.count_decode(len(lanes))
        if self._drafter is not None and len(lanes) == 1:
            self._drafter.observe_step(self._clock() - began)
        for lane in lanes:
            lane.length += 1
        return logits

    def draft(self, sequence: Sequence) -> list[int]:
        """Guesses at the next tokens of a sequence that is alone; none where a draft would not pay."""
        if self._drafter is None or len(self._cache.lanes) != 1:
            return []
        if forced := sequence.forced:
            return list(forced[:DRAFTED]) if len(forced) >= DRAFTED else []
        room = self._runner.shape.sequence_length - sequence.length
        if sequence.left < 2 or room < DRAFTED or sequence.typed or sequence.following is not None:
            return []
        guess = self._drafter.propose(sequence.record, sequence.tokens[: sequence.length])
        matcher = sequence.matcher
        return guess if matcher is None or matcher.permits(guess) else []

    def verify(self, sequence: Sequence, draft: list[int]) -> None:
        """Feed the newest token and the drafted ones; keep what the sampler would have chosen anyway.

        Raises:
            RuntimeError: The runtime has failed.
        """
        lane = sequence.lane
        assert self._drafter is not None
        assert lane is not None
        began, start = self._clock(), lane.length
        self._cache.reserve(start + 1 + len(draft))
        self._budget.balance()
        found = self._runner.extend(self._cache, [int(sequence.tokens[start]), *draft], start)
        seconds = self._clock() - began
        kept = 0
        while not sequence.ended and kept <= len(draft):
            if kept and sequence.tokens[start + kept] != draft[kept - 1]:
                break
            sequence.take(start + kept + 1, found.logits[kept])
            kept += 1
        self._cache.write(lane.slot, start, found.rows[:, :kept])
        lane.length += kept
        self._counters.count_decode(kept)
        self._counters.drafted_tokens += len(draft)
        self._counters.accepted_tokens += kept - 1
        self._drafter.observe_draft(sequence.record, kept - 1, seconds)
