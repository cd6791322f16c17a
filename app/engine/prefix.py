"""The prefix cache: keys and values of earlier prompts, for requests that begin alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from app.engine.memory import Floats, float_zeros
from app.engine.shape import LANES, ModelShape

OVERWRITTEN = 16
"""Tokens: an idle entry that differs from the prompt only in so many at its end is taken over, not copied."""


@dataclass(eq=False, slots=True)
class Entry:
    """One sequence's keys and values, position-major.

    Attributes:
        rows: [2L, LANES + capacity, KV, HD]: keys of every layer, then values, behind LANES places of zeros.
        tokens: int32 ids of the sequence; the first `length` have keys and values.
        users: Requests that are extending it; nobody else changes or drops it.
        high_water: Most places ever written, which is what it costs in memory.
    """

    rows: Floats
    tokens: npt.NDArray[np.int32]
    length: int = 0
    users: int = 0
    high_water: int = 0

    @property
    def cached(self) -> Floats:
        """What a call reads: the rows so far, or the zeros that stand for none."""
        return self.rows[:, LANES : LANES + self.length] if self.length else self.rows[:, :LANES]

    def extend(self, start: int, tokens: npt.NDArray[np.int32], keys: Floats, values: Floats) -> None:
        """Write the tokens after `start` with keys, values [L, T, KV, HD]."""
        layers, end = len(keys), start + len(tokens)
        self.rows[:layers, LANES + start : LANES + end] = keys
        self.rows[layers:, LANES + start : LANES + end] = values
        self.tokens[start:end] = tokens
        self.length = end
        self.high_water = max(self.high_water, end)


@dataclass(slots=True)
class PrefixCache:
    """Entries in order of use, the latest last, within a budget of bytes.

    Attributes:
        budget: Bytes that all entries may take together; those in use are never dropped.
    """

    shape: ModelShape
    budget: int
    entries: list[Entry] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Bytes that the entries take."""
        return sum(e.high_water for e in self.entries) * self.shape.token_bytes

    def acquire(self, prompt: npt.NDArray[np.int32]) -> tuple[Entry, int]:
        """An entry to prefill `prompt` into, and how many of its first tokens are there already.

        At least one token is left to compute: its logits choose the first new token.
        """
        best, shared = None, 0
        for entry in self.entries:
            common = _common(entry.tokens[: entry.length], prompt[:-1])
            if common > 0 and common >= shared:
                best, shared = entry, common
        if best is None:
            entry = self._new()
        elif best.users == 0 and best.length - shared <= OVERWRITTEN:
            entry = best
            self.entries.remove(best)
        else:
            entry = self._new()
            entry.rows[:, LANES : LANES + shared] = best.rows[:, LANES : LANES + shared]
            entry.tokens[:shared] = best.tokens[:shared]
            entry.high_water = shared
        entry.length = shared
        entry.users = 1
        self.entries.append(entry)
        return entry, shared

    def keep(self, tokens: npt.NDArray[np.int32], rows: Callable[[int], Floats]) -> None:
        """Remember a finished sequence; rows(n) gives its rows [2L, ..., KV, HD] from token n on."""
        if len(tokens) * self.shape.token_bytes > self.budget:
            return
        entry, shared = self.acquire(tokens)
        new, layers = rows(shared), self.shape.layers
        entry.extend(shared, tokens[shared:], new[:layers], new[layers:])
        self.release(entry)

    def release(self, entry: Entry) -> None:
        """The request is done with the entry."""
        entry.users -= 1
        self.fit(self.budget)

    def fit(self, budget: int) -> None:
        """Take a new budget; the oldest idle entries leave until it is met."""
        self.budget = budget
        total = self.bytes
        for old in [e for e in self.entries if e.users == 0]:
            if total <= budget:
                break
            total -= old.high_water * self.shape.token_bytes
            self.entries.remove(old)

    def _new(self) -> Entry:
        s = self.shape
        places = -(-s.sequence_length // LANES) * LANES  # so that every layer starts on an aligned address
        rows = float_zeros(2 * s.layers, LANES + places, s.kv_heads, s.head_size)
        return Entry(rows, np.zeros(s.sequence_length, np.int32))


def _common(a: npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> int:
    """Length of the common prefix."""
    size = min(len(a), len(b))
    differs = np.flatnonzero(a[:size] != b[:size])
    return int(differs[0]) if len(differs) else size
