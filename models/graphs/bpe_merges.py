"""Byte-pair merging as a loop in the graph, all words of a text at once."""

from __future__ import annotations

import numpy as np

from models.graphs.characters import character_table, split_characters
from models.graphs.merge_table import BYTES, EARLIEST, SEAM_FACTOR, SEAM_SLOTS, MergeTable
from models.graphs.pair_table import Integers, PairTable
from models.tflite.graph import Graph, Tensor
from models.tflite.ops import cast, gather, maximum, shape, while_loop
from models.tflite.sequence_ops import (
    both,
    cumsum,
    either,
    equal,
    floor_mod,
    following,
    greater,
    less,
    lowest,
    minimum,
    not_equal,
    previous,
    segment_min,
    select,
    where,
)

NEVER = 2**30
"""Rank of a pair that does not merge."""


def merge(symbol: Tensor, word: Tensor | None, table: MergeTable) -> Tensor:
    """Merge as sequential byte-pair encoding does: the pair of lowest rank first, the leftmost of equals.

    A round merges, in every word, all pairs of that word's lowest rank. Their order does not matter where a
    merge comes after those that make its parts: merging one pair makes none of the same or a lower rank. They
    overlap only in a run of one symbol ("aaaa"): every second one is taken, from the run's start on. A merge
    that is late, making a part of one before it, is done once a round, at the leftmost place of a word.

    Where the seams on both sides of a pair are joined later than the pair itself, nothing else can take its
    symbols: it is merged in the first round that sees it, unless it is late.

    Args:
        symbol: Symbols of single bytes or characters, and added tokens, int32 [n].
        word: Number of each one's word, int32 [n]; 0 or more, not falling. None: the whole text is one.
        table: Ranks of pairs.

    Returns:
        Symbols of `table`, int32 [m].
    """
    part, *border = _parts(symbol, word, table)
    if word is not None and table.characters:
        characters = character_table(table.characters, marked=False)
        symbol, kept = split_characters(symbol, characters, table.first_made - BYTES)
        part, *border = (gather(each, kept) for each in (part, *border))
    state = (symbol, part, _ranks(symbol, part, table), *border)
    return while_loop(_condition(symbol.graph, table), _round(symbol.graph, table), state)[0]


def _parts(symbol: Tensor, word: Tensor | None, table: MergeTable) -> tuple[Tensor, ...]:
    """Words anew from 1 on, cut where no merge ever joins two symbols: shorter words need fewer rounds.

    Where the table has steps, also a rank that no merge across the seam before each symbol is below.
    """
    seams = symbol.graph.constant(table.seams)
    if word is None:
        seam = gather(seams, floor_mod(previous(symbol, 0) * SEAM_FACTOR + symbol, SEAM_SLOTS))
        level = cast(seam, "int32")
        closed = equal(level, 0)
    else:
        byte = minimum(symbol, BYTES - 1) if table.first_made > BYTES else symbol  # an added token is a word
        seam = gather(seams, previous(byte, 0) * BYTES + byte)
        other = not_equal(word, previous(word, -1))
        level = cast(seam, "int32")
        if len(table.wide_seams):
            level = maximum(level, _wide_seams(byte, table))
        closed = either(other, equal(level, 0))
    first = cast(closed, "int32")
    part = cumsum(first)
    if not table.step:
        return (part,)
    return part, select(equal(first, 0), (level - EARLIEST) * -table.step, NEVER)


def _wide_seams(byte: Tensor, table: MergeTable) -> Tensor:
    """Level of the seam between two characters of three bytes, the second of which begins here, int32 [n]."""

    def numbers(values: Integers) -> Tensor:
        return byte.graph.constant(values, "int32")

    each = np.arange(BYTES)
    second = following(byte, 0)
    high = gather(numbers(np.where(each & 0xF0 == 0xE0, (each & 15) << 12, -(2**16))), byte)
    low = gather(numbers(each & 63), second) * 64 + gather(numbers(each & 63), following(second, 0))
    point = high + low  # negative where no character of three bytes begins
    before = point
    for _ in range(3):
        before = previous(before, -1)
    slot = floor_mod(maximum(before, 0) * SEAM_FACTOR + maximum(point, 0), SEAM_SLOTS)
    joins = cast(gather(byte.graph.constant(table.wide_seams), slot), "int32")
    return select(greater(minimum(before, point), -1), joins, 0)


def _state(graph: Graph, table: MergeTable) -> list[Tensor]:
    """Symbols, the number of each one's part, its pair's rank, and `border` where the table has steps."""
    names = ("symbol", "word", "rank", "border")[: 4 if table.step else 3]
    return [graph.input(name, [-1], "int32") for name in names]


def _condition(caller: Graph, table: MergeTable) -> Graph:
    graph = caller.model.subgraph(f"{caller.name}_unmerged")
    rank = _state(graph, table)[2]
    graph.output("unmerged", less(lowest(rank), NEVER))
    return graph


def _round(caller: Graph, table: MergeTable) -> Graph:
    graph = caller.model.subgraph(f"{caller.name}_merge")
    symbol, word, rank, *border = _state(graph, table)
    segments = shape(symbol) + 1  # no word's or run's number is larger than n
    least = gather(segment_min(rank, word, segments), word)
    best = cast(both(equal(rank, least), less(rank, NEVER)), "int32")
    count = cumsum(best)
    run = cumsum(cast(greater(best, previous(best, 0)), "int32"))
    odd = floor_mod(count - gather(segment_min(count, run, segments), run), 2)
    merge = minimum(rank, len(table.ranks.check) - 1) if len(table.made) + len(table.late) else rank
    if len(table.late):
        place = select(equal(best, 1), count, NEVER)
        behind = count - gather(segment_min(place, word, segments), word)  # 0 at a word's first pair
        late = cast(gather(graph.constant(table.late), merge), "int32")
        odd = select(equal(late, 1), cast(greater(behind, 0), "int32"), odd)
    chosen = greater(best, odd)
    if table.step:
        undisputed = less(rank, minimum(border[0], following(following(border[0], NEVER), NEVER)))
        chosen = either(chosen, both(undisputed, equal(late, 0)) if len(table.late) else undisputed)
    made = gather(graph.constant(table.made), merge) if len(table.made) else rank + table.first_made
    merged = select(chosen, made, symbol)
    kept = where(equal(previous(cast(chosen, "int32"), 0), 0))
    symbol, word = gather(merged, kept), gather(word, kept)
    graph.output("symbol", symbol)
    graph.output("word", word)
    graph.output("rank", _ranks(symbol, word, table))
    if table.step:
        graph.output("border", gather(border[0], kept))
    return graph


def _ranks(symbol: Tensor, word: Tensor, table: MergeTable) -> Tensor:
    """Rank of each symbol's pair with the next one [n]; NEVER where they do not merge."""
    if table.ranks.factor:
        rank, found = find_pair(symbol, following(symbol, table.nothing), table.ranks)
    else:
        offset, slot, check = (symbol.graph.constant(part) for part in _arrays(table.ranks))
        rank = gather(slot, gather(offset, symbol) + following(symbol, table.nothing))
        found = equal(gather(check, rank), symbol)
    return select(both(found, equal(word, following(word, -1))), rank, NEVER)


def find_pair(a: Tensor, b: Tensor, table: PairTable) -> tuple[Tensor, Tensor]:
    """Number of each pair in a hashed table, int32 [n], and whether it is there, bool [n]."""
    offset, slot, check = (a.graph.constant(part) for part in _arrays(table))
    row = floor_mod(a * table.factor + b, len(table.offset))
    number = gather(slot, gather(offset, row) + b)
    return number, equal(gather(check, number), b)


def _arrays(table: PairTable) -> tuple[Integers, Integers, Integers]:
    return table.offset, table.slot, table.check
