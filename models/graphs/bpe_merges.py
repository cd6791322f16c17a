"""Byte-pair merging as a loop in the graph, all words of a text at once."""

from __future__ import annotations

from models.graphs.merge_table import BYTES, MergeTable
from models.tflite.graph import Graph, Tensor
from models.tflite.ops import cast, gather, shape, while_loop
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
    not_equal,
    previous,
    segment_min,
    select,
    where,
)

NEVER = 2**30
"""Rank of a pair that does not merge."""


def merge(code: Tensor, word: Tensor, table: MergeTable) -> Tensor:
    """Merge as sequential byte-pair encoding does: the pair of lowest rank first, the leftmost of equals.

    A round merges, in every word, all pairs of that word's lowest rank. Their order does not matter: a merge
    comes after those that make its parts, so merging one pair makes none of the same or a lower rank. They
    overlap only in a run of one symbol ("aaaa"): every second one is taken, from the run's start on.

    Args:
        code: Bytes, int32 [n].
        word: Number of each one's word, int32 [n]; 0 or more, not falling.
        table: Ranks of pairs.

    Returns:
        Symbols of `table`, int32 [m].
    """
    part = _parts(code, word, table)
    state = (code, part, _ranks(code, part, table))
    return while_loop(_condition(code.graph), _round(code.graph, table), state)[0]


def _parts(code: Tensor, word: Tensor, table: MergeTable) -> Tensor:
    """Words anew from 1 on, cut where no merge ever joins two bytes: shorter words need fewer rounds."""
    seam = gather(code.graph.constant(table.seams), previous(code, 0) * BYTES + code)
    opens = either(not_equal(word, previous(word, -1)), equal(cast(seam, "int32"), 0))
    return cumsum(cast(opens, "int32"))


def _state(graph: Graph) -> tuple[Tensor, Tensor, Tensor]:
    symbol, word, rank = (graph.input(name, [-1], "int32") for name in ("symbol", "word", "rank"))
    return symbol, word, rank


def _condition(caller: Graph) -> Graph:
    graph = caller.model.subgraph(f"{caller.name}_unmerged")
    *_, rank = _state(graph)
    graph.output("unmerged", less(lowest(rank), NEVER))
    return graph


def _round(caller: Graph, table: MergeTable) -> Graph:
    graph = caller.model.subgraph(f"{caller.name}_merge")
    symbol, word, rank = _state(graph)
    segments = shape(symbol) + 1  # no word's or run's number is larger than n
    least = gather(segment_min(rank, word, segments), word)
    best = cast(both(equal(rank, least), less(rank, NEVER)), "int32")
    count = cumsum(best)
    run = cumsum(cast(greater(best, previous(best, 0)), "int32"))
    odd = floor_mod(count - gather(segment_min(count, run, segments), run), 2)
    chosen = greater(best, odd)
    merged = select(chosen, rank + BYTES, symbol)
    kept = where(equal(previous(cast(chosen, "int32"), 0), 0))
    symbol, word = gather(merged, kept), gather(word, kept)
    for name, tensor in (("symbol", symbol), ("word", word), ("rank", _ranks(symbol, word, table))):
        graph.output(name, tensor)
    return graph


def _ranks(symbol: Tensor, word: Tensor, table: MergeTable) -> Tensor:
    """Rank of each symbol's pair with the next one [n]; NEVER where they do not merge."""
    offset, ranks, left = (symbol.graph.constant(part) for part in (table.offset, table.rank, table.left))
    rank = gather(ranks, gather(offset, symbol) + following(symbol, table.nothing))
    merges = both(equal(gather(left, rank), symbol), equal(word, following(word, -1)))
    return select(merges, rank, NEVER)
