"""Numbers of pairs of small integers, as tables that a graph can look up in a few gathers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WINDOW = 8192
"""Slots that are searched at once."""

SPARE = 0.35
"""Free slots for each pair of a hashed table, at first."""

ROUNDS = 400
"""Tries to place the pairs before a hashed table grows."""

Integers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class PairTable:
    """Finds the number of a pair (a, b): its place in the list that the table was made of.

    The pairs of one row share an offset; in the slot `offset[row] + b` stands the pair's number, if the pair
    with that number is really this one. There are two kinds of rows:

    - With `factor` 0 the row of a pair is a: a sparse matrix with displaced rows (Tarjan and Yao, 1979,
      "Storing a sparse table"). The number is the pair's if `check[number] == a`.
    - Otherwise it is (a * factor + b) modulo the number of rows, a prime above every a, so that two pairs of
      a row differ in b (Fredman, Komlos and Szemeredi, 1984, "Storing a sparse table with O(1) worst case
      access time"). No two rows have the same offset. The number is the pair's if `check[number] == b`.

    Attributes:
        offset: [rows]; a may be one more than any in the list: it is in no pair.
        slot: An empty slot has the number of pairs.
        check: [pairs + 1]; the last is -1.
    """

    offset: Integers
    slot: Integers
    check: Integers
    factor: int


def sparse_rows(pairs: Sequence[tuple[int, int]], size: int) -> PairTable:
    """A table with a row for each a: the fewest operations; slow to make where rows are long.

    Args:
        pairs: No two are equal.
        size: All their integers are below it.
    """
    rows = defaultdict(list)
    for number, (left, right) in enumerate(pairs):
        rows[left].append((right, number))
    offset = np.zeros(size + 1, np.int32)
    empty = len(pairs)
    slots = np.full(WINDOW + size, empty, np.int32)
    first_hole = 0
    for left, row in sorted(rows.items(), key=lambda item: -len(item[1])):
        columns, numbers = np.array(row).T
        start = max(int(columns.min()), first_hole)
        places = np.array([], np.int64)
        while not len(places):
            if start + WINDOW + size > len(slots):
                slots = np.append(slots, np.full(len(slots), empty, np.int32))
            places = start - columns.min() + np.flatnonzero(slots[start : start + WINDOW] == empty)
            for column in columns:
                places = places[slots[places + column] == empty]
            start += WINDOW
        offset[left] = places[0]
        slots[places[0] + columns] = numbers
        holes = slots[first_hole : first_hole + WINDOW] == empty
        first_hole += int(holes.argmax()) if holes.any() else WINDOW
    lefts = np.array([left for left, _ in pairs] + [-1], np.int32)
    return PairTable(offset, slots[: offset.max() + size + 1], lefts, factor=0)


def hashed(pairs: npt.NDArray[np.int64], size: int) -> PairTable:
    """A table with short rows: half a million pairs take seconds.

    Args:
        pairs: [n, 2]; no two are equal.
        size: All their integers are below it.
    """
    rows = _prime_from(size + 1)
    factor = min(rows - 1, (2**31 - 1) // (size + 1) - 1)  # the graph's arithmetic has 32 bits
    row = (pairs[:, 0] * factor + pairs[:, 1]) % rows
    order = np.argsort(row, kind="stable")
    starts = np.flatnonzero(np.diff(row[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    room = max(int(len(pairs) * (1 + SPARE)) - size, len(pairs) // 2, len(starts)) + 1
    placed = None
    while placed is None:
        placed = _Placing(pairs[:, 1], room, size).place(order, starts, lengths)
        room += room // 4
    offset = np.full(rows, placed.room, np.int32)
    offset[row[order[starts]]] = placed.offsets
    checks = np.append(pairs[:, 1], -1).astype(np.int32)
    return PairTable(offset, placed.slots, checks, factor)


def _prime_from(least: int) -> int:
    while any(least % divisor == 0 for divisor in range(2, int(least**0.5) + 1)):
        least += 1
    return least


class _Placing:
    """Offsets below `room` for rows, drawn at random until each row's slots are free; long rows first."""

    def __init__(self, columns: npt.NDArray[np.int64], room: int, size: int) -> None:
        self.room = room
        self._columns = columns
        self.slots = np.full(room + size + 1, len(columns), np.int32)
        self.offsets = np.array([], np.int64)
        self._taken = np.zeros(room, bool)  # offsets
        self._random = np.random.Generator(np.random.PCG64(1))

    def place(
        self, order: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
    ) -> _Placing | None:
        """Place rows of pairs; row r's are `order[starts[r]:][: lengths[r]]`. None if they do not fit."""
        self.offsets = np.zeros(len(starts), np.int64)
        for length in sorted(set(lengths.tolist()), reverse=True):
            waiting = np.flatnonzero(lengths == length)
            for _ in range(ROUNDS):
                waiting = self._draw(waiting, order[starts[waiting][:, None] + np.arange(length)])
                if not len(waiting):
                    break
            else:
                return None
        return self

    def _draw(self, rows: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Place those of the rows, with the numbers [rows, length], that a draw suits; returns the others."""
        offsets = self._random.integers(0, self.room, len(rows))
        places = offsets[:, None] + self._columns[numbers]
        empty = len(self._columns)
        fits = np.flatnonzero(~self._taken[offsets] & (self.slots[places] == empty).all(1))
        first = np.unique(offsets[fits], return_index=True)[1]
        fits = fits[first]
        self.slots[places[fits]] = numbers[fits]  # of two rows at one place the later stays
        won = (self.slots[places[fits]] == numbers[fits]).all(1)
        lost, theirs = places[fits[~won]], numbers[fits[~won]]
        self.slots[lost[self.slots[lost] == theirs]] = empty
        chosen = fits[won]
        self.offsets[rows[chosen]] = offsets[chosen]
        self._taken[offsets[chosen]] = True
        return np.delete(rows, chosen)
