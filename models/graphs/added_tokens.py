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
    cumsum,
    cut,
    either,
    equal,
    greater,
    less,
    lowest,
    pad,
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
    at, length, token = _matches(code, trie)
    n = shape(code)
    begins = segment_sum(at - at + 1, at, n + 1)  # 1 where a match begins, [n + 1]
    earlier = cumsum(begins) - begins
    chosen = where(equal(visited(gather(earlier, at + length)), 1))
    at, length, token = gather(at, chosen), gather(length, chosen), gather(token, chosen)
    begins = cut(segment_sum(at - at + 1, at, n + 1), 0, -1)  # [n]
    last = cumsum(begins)  # number of the match that begins here or before, from 1 on
    left = gather(pad(at + length, 1, 0, 0), last)  # where that ends
    inside = greater(left, _places(code))
    kept = where(either(equal(begins, 1), equal(cast(inside, "int32"), 0)))
    symbol = select(equal(begins, 1), gather(pad(token + BYTES, 1, 0, 0), last), code)
    return gather(symbol, kept)


def _places(x: Tensor) -> Tensor:
    return cumsum(x - x + 1) - 1


def _matches(code: Tensor, trie: TokenTrie) -> tuple[Tensor, Tensor, Tensor]:
    """Where a token stands in the text, the length of the longest one there, its number, [matches] each."""
    g = code.graph
    text = pad(code, 0, trie.longest, BYTES)  # what stands behind the text goes on with no token
    at = cast(where(equal(gather(g.constant(trie.opens), code), 1)), "int32")
    nowhere = at - at
    state = (at, nowhere, nowhere, nowhere, g.constant([0], "int32"), text)
    at, _, length, token, *_ = while_loop(_condition(g, trie), _step(g, trie), state)
    found = where(greater(length, 0))
    return gather(at, found), gather(length, found), gather(token, found)


def _state(graph: Graph) -> tuple[Tensor, ...]:
    """Places, the node that each has come to, the longest token there and its length; bytes read; text."""
    names = ("at", "node", "length", "token")
    places = [graph.input(name, [-1], "int32") for name in names]
    return *places, graph.input("read", [1], "int32"), graph.input("text", [-1], "int32")


def _condition(caller: Graph, trie: TokenTrie) -> Graph:
    graph = caller.model.subgraph(f"{caller.name}_reading")
    _, node, *_ = _state(graph)
    graph.output("reading", less(lowest(node), len(trie.ends)))
    return graph


def _step(caller: Graph, trie: TokenTrie) -> Graph:
    """One byte more at each place."""
    graph = caller.model.subgraph(f"{caller.name}_read")
    at, node, length, token, read, text = _state(graph)
    edge, found = find_pair(node, gather(text, at + read), trie.edges)
    node = select(found, edge + 1, len(trie.ends))
    ends = gather(graph.constant(np.append(trie.ends, -1).astype(np.int32)), node)
    outputs = {
        "at": at,
        "node": node,
        "length": select(greater(ends, -1), read + 1, length),
        "token": select(greater(ends, -1), ends, token),
        "read": read + 1,
        "text": text,
    }
    for name, tensor in outputs.items():
        graph.output(name, tensor)
    return graph
