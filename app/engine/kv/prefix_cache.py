"""The prefix cache: keys and values of earlier prompts, for requests that begin alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from app.engine.kv.arrays import Floats, common, float_zeros
from app.model.shape import LANES, ModelShape

OVERWRITTEN = 16
"""Tokens: an idle entry that differs from the prompt only in so many at its end is taken over, not copied."""


@dataclass(eq=False, slots=True)
class Entry:
    """One sequence's keys and values, position-major.

    Attributes:
        rows: [2L, capacity, KV, HD]: keys of every layer, then values.
        tokens: int32 ids of the sequence; the first `length` have keys and values.
        users: Requests that are extending it; nobody else changes or drops it.
        high_water: Most places ever written, which is what it costs in memory.
    """

    rows: Floats
    tokens: npt.NDArray[np.int32]
    length: int = 0
    users: int = 0
    high_water: int = 0

    @classmethod
    def empty(cls, shape: ModelShape) -> Self:
        """Room for a whole sequence."""
        # One place more than it needs (see prefill_inputs), and every layer on an aligned address.
        places = (shape.sequence_length // LANES + 1) * LANES
        rows = float_zeros(2 * shape.layers, places, shape.kv_heads, shape.head_size)
        return cls(rows, np.zeros(shape.sequence_length, np.int32))

    @property
    def cached(self) -> Floats:
        """The rows so far."""
        return self.rows[:, : self.length]

    def room(self, count: int) -> Floats:
        """The rows [2L, T, KV, HD] of the next `count` tokens, to be written."""
        return self.rows[:, self.length : self.length + count]

    def extend(self, tokens: npt.NDArray[np.int32]) -> None:
        """The rows of these tokens have been written into their room."""
        end = self.length + len(tokens)
        self.tokens[self.length : end] = tokens
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
            alike = common(entry.tokens[: entry.length], prompt[:-1])
            if alike > 0 and alike >= shared:
                best, shared = entry, alike
        if best is None:
            entry = Entry.empty(self.shape)
        elif best.users == 0 and best.length - shared <= OVERWRITTEN:
            entry = best
            self.entries.remove(best)
        else:
            entry = Entry.empty(self.shape)
            entry.rows[:, :shared] = best.rows[:, :shared]
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
        rest = tokens[shared:]
        entry.room(len(rest))[:] = rows(shared)
        entry.extend(rest)
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
