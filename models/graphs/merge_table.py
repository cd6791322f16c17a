"""The merges of a vocabulary as tables that a graph can look up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.checkpoint.vocabulary import Vocabulary
from models.graphs.pair_table import Integers, PairTable, hashed, sparse_rows

BYTES = 256
SPARSE = 2**16
"""Up to so many symbols, one merge each, the merges are a table of sparse rows."""

SEAM_SLOTS, SEAM_FACTOR = 262_139, 4099
"""Of the hashed tables of seams: their prime length, and what the first number of a pair is multiplied by."""

EARLIEST = 255
"""The level of a seam that the first merges join."""


@dataclass(frozen=True)
class MergeTable:
    """Ranks of merges by pairs of symbols.

    Symbols are the bytes, 0 to 255; then tokens found in texts; then, where characters are merged, those
    beyond ASCII; then what merges make.

    Attributes:
        ranks: Number of each merge by its pair of symbols.
        first_made: The first symbol that a merge makes.
        made: Symbol that each merge makes, [merges + 1]; empty if merge r makes the symbol `first_made` + r.
        late: [merges + 1], 1 for a merge that makes a part of an earlier one; empty if there is none.
        seams: Level of the first merge that joins two symbols between x and y, bytes or characters, 0 if none
            does: [65536] at 256 * x + y, or at (x * SEAM_FACTOR + y) modulo SEAM_SLOTS, where that of others
            may be higher.
        wide_seams: The same for two characters of three bytes each, by their code points, whose merges are
            not in `seams` then: [SEAM_SLOTS]; empty where `seams` tells of all.
        step: Ranks of a level: at a seam of level l no merge before (EARLIEST - l) * step joins. 0 where all
            levels are 1 and say only that some merge does.
        characters: Symbols by character: where characters are merged, those beyond ASCII; else those whose
            bytes become one symbol whatever stands beside them.
        ids: Token of each symbol, [symbols]; -1 for a byte that no token stands for.
    """

    ranks: PairTable
    first_made: int
    made: Integers
    late: npt.NDArray[np.uint8]
    seams: npt.NDArray[np.uint8]
    wide_seams: npt.NDArray[np.uint8]
    step: int
    characters: Mapping[str, int]
    ids: Integers

    @property
    def nothing(self) -> int:
        """What stands where there is no symbol."""
        return len(self.ids)


@lru_cache(maxsize=4)
def merge_table(vocabulary: Vocabulary) -> MergeTable:
    """The tables of a vocabulary's merges; take a second for 50,000 of them, three for 500,000.

    Raises:
        ValueError: A merge takes or makes what is no token, or two merges are the same.
    """
    symbols, characters, first_made = _first_symbols(vocabulary)
    tokens = set(vocabulary.tokens)
    parts = (part for pair in vocabulary.merges for part in pair if part in tokens)  # no merge may make one
    found = len(vocabulary.found)
    for symbol in (*(left + right for left, right in vocabulary.merges), *parts):
        symbols.setdefault(symbol, len(symbols) + found)
    pairs = _pairs(vocabulary, symbols)
    made = np.array([symbols[left + right] for left, right in vocabulary.merges], np.int32)
    in_order = np.array_equal(made, first_made + np.arange(len(made)))
    count = len(symbols) + found
    if in_order and count < SPARSE:
        ranks = sparse_rows([(left, right) for left, right in pairs.tolist()], count)
    else:
        ranks = hashed(pairs, count)
    if ranks.factor and not vocabulary.byte_ids:
        characters = _whole_characters(pairs, made, symbols, count)
    step = len(made) // (EARLIEST - 1) + 1 if ranks.factor else 0
    seams, wide_seams = _seams(vocabulary, symbols, step)
    return MergeTable(
        ranks=ranks,
        first_made=first_made,
        made=np.array([], np.int32) if in_order else np.append(made, -1).astype(np.int32),
        late=_late(pairs, made, count),
        seams=seams,
        wide_seams=wide_seams,
        step=step,
        characters=characters,
        ids=_ids(vocabulary, symbols),
    )


def _first_symbols(vocabulary: Vocabulary) -> tuple[dict[bytes, int], dict[str, int], int]:
    """Symbols that no merge makes, by their bytes and by character, and the number of the next one."""
    symbols = {bytes([byte]): byte for byte in range(BYTES)}
    number = BYTES + len(vocabulary.found)
    characters: dict[str, int] = {}
    if vocabulary.byte_ids:
        of_bytes = set(vocabulary.byte_ids)
        for i, token in enumerate(vocabulary.tokens):
            if i in vocabulary.specials or i in of_bytes or len(token) > 4:
                continue
            text = token.decode(errors="replace")
            if len(text) == 1 and token not in symbols:
                symbols[token] = characters[text] = number
                number += 1
    return symbols, characters, number


def _pairs(vocabulary: Vocabulary, symbols: Mapping[bytes, int]) -> npt.NDArray[np.int64]:
    """Symbols that each merge takes, [merges, 2]."""
    pairs: dict[tuple[int, int], int] = {}
    for rank, (left, right) in enumerate(vocabulary.merges):
        if left not in symbols or right not in symbols:
            missing = left if left not in symbols else right
            raise ValueError(f"merge {rank} takes {missing!r}, which is no token")
        same = pairs.setdefault((symbols[left], symbols[right]), rank)
        if same != rank:
            raise ValueError(f"merges {same} and {rank} are the same: {left!r} and {right!r}")
    return np.array(list(pairs), np.int64).reshape(-1, 2)


def _late(pairs: npt.NDArray[np.int64], made: Integers, symbols: int) -> npt.NDArray[np.uint8]:
    """Which merges make a symbol that a merge before them takes; empty if none does."""
    first_use = np.full(symbols, len(pairs), np.int64)
    ranks = np.arange(len(pairs))
    np.minimum.at(first_use, pairs.reshape(-1), ranks.repeat(2))
    late = first_use[made] < ranks
    return np.append(late, False).astype(np.uint8) if late.any() else np.array([], np.uint8)


def _whole_characters(
    pairs: npt.NDArray[np.int64], made: Integers, symbols: Mapping[bytes, int], count: int
) -> dict[str, int]:
    """Characters whose bytes merge to one symbol before anything beside them could take a part of them."""
    ranks = {(left, right): rank for rank, (left, right) in enumerate(pairs.tolist())}
    first = np.full((2, count), len(ranks), np.int64)
    for side in (0, 1):  # the first merge that takes each symbol as its left, or its right part
        np.minimum.at(first[side], pairs[:, side], np.arange(len(ranks)))
    found = {}
    for token, number in symbols.items():
        text = token.decode(errors="replace")
        one = 1 < len(token) <= 4 and len(text) == 1 and text != "\ufffd"
        if one and _closes(token, ranks, made, first):
            found[text] = number
    return found


def _closes(
    raw: bytes, ranks: Mapping[tuple[int, int], int], made: Integers, first: npt.NDArray[np.int64]
) -> bool:
    """Whether bytes merge to one symbol, whatever stands beside them.

    Each symbol at an edge must be taken from inside before the first merge that could take it from outside.
    """
    parts = [*raw]
    worst = [-1, -1]  # the highest rank since the symbol at the left, at the right edge is there
    while len(parts) > 1:
        rank, at = min((ranks.get(pair, len(ranks)), at) for at, pair in enumerate(pairwise(parts)))
        if rank == len(ranks):
            return False
        worst = [max(rank, worst[0]), max(rank, worst[1])]
        if at == 0:
            if first[1][parts[0]] <= worst[0]:
                return False
            worst[0] = -1
        if at == len(parts) - 2:
            if first[0][parts[-1]] <= worst[1]:
                return False
            worst[1] = -1
        parts[at : at + 2] = [int(made[rank])]
    return True


def _seams(
    vocabulary: Vocabulary, symbols: Mapping[bytes, int], step: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """`seams` and `wide_seams`; a seam has the level of its first merge."""
    hashed_seams = np.zeros(SEAM_SLOTS, np.uint8)
    seams = np.zeros(BYTES * BYTES, np.uint8)
    for rank, (left, right) in reversed([*enumerate(vocabulary.merges)]):
        level = EARLIEST - rank // step if step else 1
        before, after = _wide_point(left[-3:]), _wide_point(right[:3])
        if vocabulary.byte_ids:
            last, first = left.decode()[-1].encode(), right.decode()[0].encode()
            hashed_seams[_slot(symbols[last], symbols[first])] = level
        elif step and before is not None and after is not None:
            hashed_seams[_slot(before, after)] = level
        else:
            seams[BYTES * left[-1] + right[0]] = level
    if vocabulary.byte_ids:
        return hashed_seams, hashed_seams[:0]
    return seams, hashed_seams[: SEAM_SLOTS * bool(step)]


def _slot(before: int, after: int) -> int:
    """Where a hashed table of seams has a pair of numbers."""
    return (before * SEAM_FACTOR + after) % SEAM_SLOTS


def _wide_point(raw: bytes) -> int | None:
    """Code point of a character of three bytes; None for other bytes."""
    if len(raw) != 3 or raw[0] & 0xF0 != 0xE0 or raw[1] & 0xC0 != 0x80 or raw[2] & 0xC0 != 0x80:
        return None
    return (raw[0] & 15) << 12 | (raw[1] & 63) << 6 | raw[2] & 63


def _ids(vocabulary: Vocabulary, symbols: Mapping[bytes, int]) -> Integers:
    hidden = {*vocabulary.specials, *vocabulary.byte_ids}
    known = {vocabulary.tokens[i]: i for _, i in vocabulary.added}
    hidden |= set(known.values())
    known |= {token: i for i, token in enumerate(vocabulary.tokens) if i not in hidden}
    ids = np.full(len(symbols) + len(vocabulary.found), -1, np.int32)
    if vocabulary.byte_ids:
        ids[:BYTES] = vocabulary.byte_ids
    for symbol, number in symbols.items():
        if symbol in known:
            ids[number] = known[symbol]
        elif number >= BYTES:
            rank = next(r for r, (left, right) in enumerate(vocabulary.merges) if left + right == symbol)
            raise ValueError(f"merge {rank} makes {symbol!r}, which is no token")
    ids[BYTES : BYTES + len(vocabulary.found)] = [i for _, i in vocabulary.found]
    return ids
