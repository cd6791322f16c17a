"""The merges of a vocabulary as a table that a graph can look up: two symbols to a rank, in three gathers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from models.checkpoint.vocabulary import Vocabulary

BYTES = 256
WINDOW = 8192
"""Slots that are searched at once."""

Integers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class MergeTable:
    """A sparse matrix of ranks with displaced rows (Tarjan and Yao, 1979, "Storing a sparse table").

    Rows and columns are symbols. A symbol is a byte, 0 to 255, or 256 + the rank of the merge that makes it.
    The row of a symbol a begins at `offset[a]` and shares its slots with other rows. What stands in the slot
    of the pair a, b is its rank if that merge does begin with a: `left[rank[offset[a] + b]] == a`.

    Attributes:
        offset: [symbols + 1]; the last is for `nothing`, which merges with nothing.
        rank: [slots]; an empty slot has the number of merges.
        left: [merges + 1]; the last is -1.
        seams: [65536], 1 at 256 * x + y if some merge joins two symbols between the bytes x and y.
        ids: Token of each symbol, [symbols]; -1 for a byte that no token stands for.
    """

    offset: Integers
    rank: Integers
    left: Integers
    seams: npt.NDArray[np.uint8]
    ids: Integers

    @property
    def nothing(self) -> int:
        """What stands where there is no symbol."""
        return len(self.ids)


@lru_cache(maxsize=1)
def merge_table(vocabulary: Vocabulary) -> MergeTable:
    """The table of a vocabulary's merges; takes a second for 50,000 of them.

    Raises:
        ValueError: Two merges make one token, or a merge takes or makes what is no token.
    """
    symbols = _symbols(vocabulary)
    pairs = []
    for rank, (left, right) in enumerate(vocabulary.merges):
        if left not in symbols or right not in symbols:
            missing = left if left not in symbols else right
            raise ValueError(f"merge {rank} takes {missing!r}, which is no byte and which no merge makes")
        pair = symbols[left], symbols[right]
        if max(pair) >= BYTES + rank:
            raise ValueError(f"merge {rank} takes what merge {max(pair) - BYTES} makes, which comes later")
        pairs.append(pair)
    offset, ranks = _displace(pairs, len(symbols))
    lefts = np.array([first for first, _ in pairs] + [-1], np.int32)
    seams = np.zeros((BYTES, BYTES), np.uint8)
    for first, second in vocabulary.merges:
        seams[first[-1], second[0]] = 1
    return MergeTable(offset, ranks, lefts, seams.reshape(-1), _ids(vocabulary, symbols))


def _symbols(vocabulary: Vocabulary) -> dict[bytes, int]:
    symbols = {bytes([byte]): byte for byte in range(BYTES)}
    for rank, (left, right) in enumerate(vocabulary.merges):
        number = symbols.setdefault(left + right, BYTES + rank)
        if number != BYTES + rank:
            raise ValueError(
                f"merges {number - BYTES} and {rank} both make {left + right!r}; one token, one merge"
            )
    return symbols


def _ids(vocabulary: Vocabulary, symbols: dict[bytes, int]) -> Integers:
    known = {token: i for i, token in enumerate(vocabulary.tokens) if i not in vocabulary.specials}
    for symbol, number in symbols.items():
        if number >= BYTES and symbol not in known:
            raise ValueError(f"merge {number - BYTES} makes {symbol!r}, which is no token")
    return np.array([known.get(symbol, -1) for symbol in symbols], np.int32)


def _displace(pairs: Sequence[tuple[int, int]], symbols: int) -> tuple[Integers, Integers]:
    """Offsets and slots: each row, the fullest first, goes where its entries first meet holes."""
    rows = defaultdict(list)
    for rank, (left, right) in enumerate(pairs):
        rows[left].append((right, rank))
    offset = np.zeros(symbols + 1, np.int32)
    empty = len(pairs)
    slots = np.full(WINDOW + symbols, empty, np.int32)
    first_hole = 0
    for left, row in sorted(rows.items(), key=lambda item: -len(item[1])):
        columns, ranks = np.array(row).T
        start = max(int(columns.min()), first_hole)
        places = np.array([], np.int64)
        while not len(places):
            if start + WINDOW + symbols > len(slots):
                slots = np.append(slots, np.full(len(slots), empty, np.int32))
            places = start - columns.min() + np.flatnonzero(slots[start : start + WINDOW] == empty)
            for column in columns:
                places = places[slots[places + column] == empty]
            start += WINDOW
        offset[left] = places[0]
        slots[places[0] + columns] = ranks
        holes = slots[first_hole : first_hole + WINDOW] == empty
        first_hole += int(holes.argmax()) if holes.any() else WINDOW
    return offset, slots[: offset.max() + symbols + 1]
