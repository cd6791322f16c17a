"""The decode batch's KV cache: one block a layer that the compiled model reads in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.kv.arrays import Floats, Ints, common, float_zeros, give_back
from app.model.shape import LANES, ModelShape

NOTHING = np.zeros(0, np.int32)


@dataclass(eq=False, slots=True)
class Lane:
    """One sequence's place in the decode cache.

    Attributes:
        slot: Its number in the batch; changes when another lane closes.
        tokens: int32, the owner's; the first `length` have keys and values here.
    """

    slot: int
    tokens: Ints
    length: int


class DecodeCache:
    """Keys and values of the sequences being decoded, `[2L, B, KV, S, HD]` for the slots in use.

    A layer's block starts at a fixed address; S, the places each sequence has, grows and shrinks in steps of
    LANES with the longest sequence, so that attention reads only what is used. Places past a sequence's
    length hold anything finite: the mask gives them no weight.

    Attributes:
        lanes: The open ones by their slot, without a gap.
    """

    def __init__(self, shape: ModelShape, slots: int) -> None:
        self.shape = shape
        self.slots = slots
        self.length = LANES
        self.lanes: list[Lane] = []
        longest = slots * _places(shape.sequence_length)
        self._blocks = float_zeros(2 * shape.layers, longest * shape.token_floats)
        self._touched = 0
        self._residue = NOTHING

    @property
    def bytes(self) -> int:
        """Memory that it takes: places that were ever in use since they were given back."""
        return self._touched * self.shape.token_bytes

    def cost(self, sequences: int, tokens: int) -> int:
        """Bytes that so many sequences take when the longest has so many tokens."""
        return sequences * _places(tokens) * self.shape.token_bytes

    def open(self, tokens: Ints, rows: Floats) -> Lane:
        """A lane behind the others, with the rows [2L, n, KV, HD] of the first n tokens.

        What the last sequence has left in an empty cache is not copied again.
        """
        slot, count = len(self.lanes), rows.shape[1]
        there = common(self._residue, tokens[:count]) if slot == 0 else 0
        self.reserve(count + 1)
        self.load(slot, rows[:, there:], there)
        self._residue = NOTHING
        lane = Lane(slot, tokens, count)
        self.lanes.append(lane)
        return lane

    def fork(self, lane: Lane, length: int) -> Lane:
        """One more lane, with the first `length` tokens of another."""
        self.reserve(length + 1)
        copy = Lane(len(self.lanes), lane.tokens, length)
        self._touch(copy.slot + 1)
        self.move(lane.slot, copy.slot, length)
        self.lanes.append(copy)
        return copy

    def close(self, lane: Lane) -> None:
        """Give the lane's slot up: the last lane moves into it."""
        last = self.lanes.pop()
        if last is not lane:
            self.move(last.slot, lane.slot, last.length)
            last.slot = lane.slot
            self.lanes[lane.slot] = last
        elif lane.slot == 0:
            self._residue = lane.tokens[: lane.length].copy()

    def discard(self, lane: Lane) -> None:
        """Close a lane whose values may not be finite: they must not reach the next one's attention."""
        self.clear(lane.slot, 0, self.length)
        self.close(lane)
        if not self.lanes:
            self._residue = NOTHING

    def reserve(self, tokens: int) -> None:
        """Room for `tokens` places in every open lane and the next one; contents are kept."""
        longest = max((lane.length + 1 for lane in self.lanes), default=0)
        self.fit(max(tokens, longest), len(self.lanes) or int(len(self._residue) > 0))

    def computed(self, lane: Lane, start: int = 0) -> Floats:
        """The rows [2L, n, KV, HD] of a lane's tokens from `start` on."""
        return self.rows(lane.slot, start, lane.length)

    def give_back(self) -> None:
        """Free the memory of every place; contents are lost."""
        self._residue = NOTHING
        if self._touched:
            give_back(self._blocks)
            self._touched = 0

    def view(self, batch: int) -> Floats:
        """The caches of the first `batch` sequences, [2L, B, KV, S, HD]: keys of every layer, then values."""
        s = self.shape
        used = batch * s.kv_heads * self.length * s.head_size
        return self._blocks[:, :used].reshape(2 * s.layers, batch, s.kv_heads, self.length, s.head_size)

    def fit(self, tokens: int, batch: int) -> None:
        """Give the first `batch` sequences room for `tokens` places, not much more; contents move."""
        wanted = _places(tokens)
        if self.length - LANES <= wanted <= self.length:
            return
        kept, old = min(wanted, self.length), self.view(batch)
        self.length = wanted
        self._touch(batch)
        new = self.view(batch)
        for source, target in zip(old, new, strict=True):
            target[:, :, :kept] = source[:, :, :kept]  # they overlap: NumPy takes a copy of the source first

    def load(self, slot: int, rows: Floats, start: int = 0) -> None:
        """Put a prefilled sequence, rows [2L, n, KV, HD] from a position on, into a slot."""
        self._touch(slot + 1)
        self.write(slot, start, rows)

    def _touch(self, batch: int) -> None:
        self._touched = max(self._touched, batch * self.length)

    def append(self, rows: Floats, positions: Sequence[int]) -> None:
        """Store one new token of each sequence, rows [2L, B, KV, HD], at its position."""
        sequences = np.arange(rows.shape[1])
        # Two index arrays around a slice put the batch dimension first: [B, 2L, KV, HD].
        self.view(len(sequences))[:, sequences, :, positions] = rows.transpose(1, 0, 2, 3)

    def write(self, slot: int, start: int, rows: Floats) -> None:
        """Store tokens of one sequence, rows [2L, T, KV, HD], from a position on."""
        places = self.view(self.slots)[:, slot, :, start : start + rows.shape[1]]
        places[:] = rows.transpose(0, 2, 1, 3)

    def clear(self, slot: int, start: int, end: int) -> None:
        """Zero the places start..end of a sequence."""
        self.view(self.slots)[:, slot, :, start:end] = 0.0

    def rows(self, slot: int, start: int, end: int) -> Floats:
        """Places start..end of a slot as [2L, n, KV, HD]."""
        return self.view(self.slots)[:, slot, :, start:end].transpose(0, 2, 1, 3)

    def move(self, source: int, target: int, tokens: int) -> None:
        """Copy a sequence of `tokens` places to another slot."""
        view = self.view(self.slots)
        view[:, target, :, :tokens] = view[:, source, :, :tokens]


def _places(tokens: int) -> int:
    """Of a sequence of so many tokens: a multiple of LANES."""
    return -(-max(tokens, 1) // LANES) * LANES
