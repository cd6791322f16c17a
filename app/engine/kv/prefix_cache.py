"""The prefix cache: keys and values of earlier prompts, for requests that begin alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from app.engine.kv.arrays import Floats, Ints, common, float_zeros
from app.model.shape import LANES, ModelShape

OVERWRITTEN = 16
"""Tokens: an idle entry that differs from the prompt only in so many at its end is taken over, not copied."""

LOGITS_KEPT = 16
"""Positions of an entry whose logits are kept: the end of a prompt, and a suggestion behind it."""

BRANCHES_KEPT = 16
"""Paths behind an entry's first tokens that are kept."""

Path = tuple[int, ...]
"""Tokens behind a prompt."""


@dataclass(frozen=True, eq=False, slots=True)
class Branch:
    """What was computed for a path behind a prompt.

    Attributes:
        logits: [V] behind it.
        rows: Keys and values [2L, n, KV, HD] of its tokens.
    """

    logits: Floats
    rows: Floats


Branches = Mapping[Path, Branch]
"""What was computed behind one prompt."""


@dataclass(eq=False, slots=True)
class Entry:
    """One sequence's keys and values, position-major.

    Attributes:
        rows: [2L, capacity, KV, HD]: keys of every layer, then values.
        tokens: int32 ids of the sequence; the first `length` have keys and values.
        owner: Who computed it, and nobody else finds it.
        users: Requests that are extending it; nobody else changes or drops it.
        high_water: Most places ever written, which is what it costs in memory.
        logits: Copies [V] of what followed the first n tokens, by n.
        branches: What else was computed behind the first n tokens, and n; of the latest prompt alone.
    """

    rows: Floats
    tokens: Ints
    owner: str = ""
    length: int = 0
    users: int = 0
    high_water: int = 0
    logits: dict[int, Floats] = field(default_factory=dict)
    branches: tuple[int, Branches] = (0, {})

    @classmethod
    def empty(cls, shape: ModelShape, owner: str = "") -> Self:
        """Room for a whole sequence."""
        # One place more than it needs (see prefill_inputs), and every layer on an aligned address.
        places = (shape.sequence_length // LANES + 1) * LANES
        rows = float_zeros(2 * shape.layers, places, shape.kv_heads, shape.head_size)
        return cls(rows, np.zeros(shape.sequence_length, np.int32), owner)

    @property
    def cached(self) -> Floats:
        """The rows so far."""
        return self.rows[:, : self.length]

    def room(self, count: int) -> Floats:
        """The rows [2L, T, KV, HD] of the next `count` tokens, to be written."""
        return self.rows[:, self.length : self.length + count]

    def extend(self, tokens: Ints) -> None:
        """The rows of these tokens have been written into their room."""
        end = self.length + len(tokens)
        self.tokens[self.length : end] = tokens
        self.length = end
        self.high_water = max(self.high_water, end)

    def cut(self, length: int) -> None:
        """Forget what comes behind the first `length` tokens."""
        self.length = length
        self.logits = {n: row for n, row in self.logits.items() if n <= length}
        if self.branches[0] > length:
            self.branches = (0, {})

    def remember(
        self, logits: Mapping[int, Floats], prompt: int = 0, branches: Branches | None = None
    ) -> None:
        """Keep logits by the number of tokens before them; the longest kept drop out.

        Args:
            logits: [V] by the number of tokens before them.
            prompt: Tokens before the branches.
            branches: Replace those that are kept; of many the last ones.
        """
        self.logits |= {n: row for n, row in logits.items() if n <= self.length}
        for n in sorted(self.logits)[:-LOGITS_KEPT]:
            del self.logits[n]
        if branches:
            self.branches = (prompt, dict(list(branches.items())[-BRANCHES_KEPT:]))

    def forget(self) -> None:
        """Drop logits and branches."""
        self.logits.clear()
        self.branches = (0, {})


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
        return sum(self._cost(entry) for entry in self.entries)

    def _cost(self, entry: Entry) -> int:
        return entry.high_water * self.shape.token_bytes + self._extra(entry)

    def _extra(self, entry: Entry) -> int:
        """Bytes of its logits and branches."""
        _, branches = entry.branches
        tokens = sum(len(path) for path in branches)
        return (len(entry.logits) + len(branches)) * self.shape.logits_bytes + tokens * self.shape.token_bytes

    def find(self, tokens: Ints, owner: str = "") -> tuple[Entry | None, int]:
        """The entry that shares most with `tokens`, and how many of their first ones; nothing changes."""
        best, shared = None, 0
        if not len(tokens):
            return best, shared
        first = tokens[0]
        for entry in self.entries:
            if entry.owner == owner and entry.tokens[0] == first:  # most others differ there
                alike = common(entry.tokens[: entry.length], tokens)
                if alike > 0 and alike >= shared:
                    best, shared = entry, alike
        return best, shared

    def known(self, tokens: Ints, owner: str = "") -> Entry | None:
        """The newest entry that has the logits behind `tokens`, if there is one."""
        count = len(tokens)
        for entry in reversed(self.entries):
            if count in entry.logits and entry.owner == owner and (entry.tokens[:count] == tokens).all():
                return entry
        return None

    def branches(self, prompt: Ints, owner: str = "") -> Branches:
        """What was computed behind a prompt, beside what followed it."""
        for entry in reversed(self.entries):
            count, branches = entry.branches
            same = branches and count == len(prompt) and entry.owner == owner
            if same and (entry.tokens[:count] == prompt).all():
                return branches
        return {}

    def touch(self, entry: Entry) -> None:
        """The entry has just been used."""
        self.entries.remove(entry)
        self.entries.append(entry)

    def acquire(self, prompt: Ints, owner: str = "") -> tuple[Entry, int]:
        """An entry to prefill `prompt` into, and how many of its first tokens are there already.

        At least one token is left to compute: its logits choose the first new token.
        """
        best, shared = self.find(prompt[:-1], owner)
        if best is None:
            entry = Entry.empty(self.shape, owner)
        elif best.users == 0 and best.length - shared <= OVERWRITTEN:
            entry = best
            self.entries.remove(best)
        else:
            entry = Entry.empty(self.shape, owner)
            entry.rows[:, :shared] = best.rows[:, :shared]
            entry.tokens[:shared] = best.tokens[:shared]
            entry.high_water = shared
        entry.cut(shared)
        entry.users = 1
        self.entries.append(entry)
        return entry, shared

    def keep(
        self,
        tokens: Ints,
        rows: Callable[[int], Floats],
        owner: str = "",
        logits: Mapping[int, Floats] | None = None,
        prompt: int = 0,
        branches: Branches | None = None,
    ) -> None:
        """Remember a finished sequence; rows(n) gives its rows [2L, ..., KV, HD] from token n on.

        The others are those of Entry.remember.
        """
        if len(tokens) * self.shape.token_bytes > self.budget:
            return
        known, shared = self.find(tokens, owner)
        if known is not None and shared == len(tokens):
            known.remember(logits or {}, prompt, branches)
            self.fit(self.budget)
            return
        entry, shared = self.acquire(tokens, owner)
        rest = tokens[shared:]
        entry.room(len(rest))[:] = rows(shared)
        entry.extend(rest)
        entry.remember(logits or {}, prompt, branches)
        self.release(entry)

    def release(self, entry: Entry) -> None:
        """The request is done with the entry."""
        entry.users -= 1
        self.fit(self.budget)

    def drop(self, entry: Entry) -> None:
        """The entry is worth nothing: what was computed for it has failed."""
        self.entries.remove(entry)

    def fit(self, budget: int) -> None:
        """Take a new budget; the oldest idle entries lose their logits, then leave, until it is met."""
        self.budget = budget
        total = self.bytes
        for old in [e for e in self.entries if e.users == 0]:
            if total <= budget:
                break
            total -= self._extra(old)
            old.forget()
            if total > budget:
                total -= self._cost(old)
                self.entries.remove(old)
