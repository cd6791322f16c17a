"""Added tokens that a text contains, found before anything is merged, as a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.graphs.bpe_merges import find_pair
from models.graphs.merge_table import BYTES
from models.graphs.pair_table import Integers, PairTable, hashed
from models.graphs.walk import visited
from models.tflite.graph import Graph, Tensor
from models.tflite.ops import cast, gather, shape, while_loop
from models.tflite.sequence_ops import (
    both,
    cumsum,
    cut,
    either,
    equal,
    greater,
    less,
    lowest,
    minimum,
    not_equal,
    pad,
    previous,
    segment_sum,
    select,
    where,
)


@dataclass(frozen=True)
class TokenTrie:
    """Texts of added tokens by their bytes.

    Attributes:
        edges: Pairs of node and byte; edge e leads to the node e + 1, and the root is 0.
        ends: Number of the token that ends in each node, [nodes]; -1 where none does.
        opens: Whether some token begins with each byte, [BYTES].
        longest: Bytes of the longest token.
    """

    edges: PairTable
    ends: Integers
    opens: Integers
    longest: int


def token_trie(texts: Sequence[bytes]) -> TokenTrie:
    """The trie of texts, none of which is empty."""
    edges: dict[tuple[int, int], int] = {}
    ends = {}
    for number, text in enumerate(texts):
        node = 0
        for byte in text:
            node = edges.setdefault((node, byte), len(edges) + 1)
        ends[node] = number
    nodes = len(edges) + 1
    opens = np.zeros(BYTES, np.int32)
    opens[[text[0] for text in texts]] = 1
    return TokenTrie(
        edges=hashed(np.array(list(edges)), max(nodes, BYTES) + 1),
        ends=np.array([ends.get(node, -1) for node in range(nodes)], np.int32),
        opens=opens,
        longest=max(map(len, texts)),
    )


def replace_added(code: Tensor, trie: TokenTrie) -> Tensor:
    """Put the symbol BYTES + t in place of each added token t, the longest of the leftmost first.

    Args:
        code: Bytes of a text, int32 [n].
        trie: Texts of the tokens.

    Returns:
        Bytes and symbols, int32 [m].
    """
    n = shape(code)
    opens = equal(gather(code.graph.constant(np.append(trie.opens, 0), "int32"), minimum(code, BYTES)), 1)
    at = cast(where(opens), "int32")
    at, length, token = _matches(code, at, at * 0 + n, trie)
    begins = segment_sum(at - at + 1, at, n + 1)  # 1 where a match begins, [n + 1]
    earlier = cumsum(begins) - begins
    chosen = where(equal(visited(gather(earlier, at + length)), 1))
    at, length, token = gather(at, chosen), gather(length, chosen), gather(token, chosen)
    symbol, kept = _replaced(code, at, length, token + BYTES)
    return gather(symbol, kept)


def replace_words(code: Tensor, word: Tensor, trie: TokenTrie, first: int) -> tuple[Tensor, Tensor]:
    """Put the symbol `first` + t in place of each word that is the token t.

    Args:
        code: Symbols of a text, int32 [n].
        word: Number of each one's word, int32 [n].
        trie: Texts of the tokens.
        first: Symbol of the first token.

    Returns:
        Symbols and their words, int32 [m] each.
    """
    at = cast(where(not_equal(word, previous(word, -1))), "int32")
    end = cut(pad(at, 0, 1, shape(code)), 1, None)
    at, length, token = _matches(code, at, end, trie, whole=True)
    symbol, kept = _replaced(code, at, length, token + first)
    return gather(symbol, kept), gather(word, kept)


def _replaced(code: Tensor, at: Tensor, length: Tensor, symbol: Tensor) -> tuple[Tensor, Tensor]:
    """Symbols [n] with those of matches at their first places, and the places to keep."""
    begins = cut(segment_sum(at - at + 1, at, shape(code) + 1), 0, -1)  # [n]
    last = cumsum(begins)  # number of the match that begins here or before, from 1 on
    left = gather(pad(at + length, 1, 0, 0), last)  # where that ends
    inside = greater(left, _places(code))
    kept = where(either(equal(begins, 1), equal(cast(inside, "int32"), 0)))
    return select(equal(begins, 1), gather(pad(symbol, 1, 0, 0), last), code), kept


def _places(x: Tensor) -> Tensor:
    return cumsum(x - x + 1) - 1


def _matches(
    code: Tensor, at: Tensor, end: Tensor, trie: TokenTrie, *, whole: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """The longest token at each of some places, up to its `end`: place, length and number, [matches] each.

    With `whole` only those that reach the end.
    """
    g = code.graph
    text = pad(minimum(code, BYTES), 0, trie.longest, BYTES)  # no token goes on with BYTES
    nowhere = at - at
    state = (at, end, nowhere, nowhere, nowhere, g.constant([0], "int32"), text)
    at, end, _, length, token, *_ = while_loop(_condition(g, trie), _step(g, trie), state)
    found = where(both(greater(length, 0), equal(at + length, end)) if whole else greater(length, 0))
    return gather(at, found), gather(length, found), gather(token, found)


def _state(graph: Graph) -> tuple[Tensor, ...]:
    """Places, their ends, the node that each has come to, the longest token there; bytes read; text."""
    names = ("at", "end", "node", "length", "token")
    places = [graph.input(name, [-1], "int32") for name in names]
    return *places, graph.input("read", [1], "int32"), graph.input("text", [-1], "int32")


def _condition(caller: Graph, trie: TokenTrie) -> Graph:
    graph = caller.model.subgraph(f"{caller.name}_reading")
    _, _, node, *_ = _state(graph)
    graph.output("reading", less(lowest(node), len(trie.ends)))
    return graph


def _step(caller: Graph, trie: TokenTrie) -> Graph:
    """One byte more at each place."""
    graph = caller.model.subgraph(f"{caller.name}_read")
    at, end, node, length, token, read, text = _state(graph)
    edge, found = find_pair(node, gather(text, at + read), trie.edges)
    node = select(both(found, less(at + read, end)), edge + 1, len(trie.ends))
    ends = gather(graph.constant(np.append(trie.ends, -1).astype(np.int32)), node)
    outputs = {
        "at": at,
        "end": end,
        "node": node,
        "length": select(greater(ends, -1), read + 1, length),
        "token": select(greater(ends, -1), ends, token),
        "read": read + 1,
        "text": text,
    }
    for name, tensor in outputs.items():
        graph.output(name, tensor)
    return graph
