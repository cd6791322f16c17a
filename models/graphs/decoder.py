"""The decoder as TFLite subgraphs: `decode` takes one token of many sequences, the others many tokens of one.

The KV cache is a read-only input; a call returns only the new keys and values, and the host keeps them.
Every attention row adds up its terms in one order whatever the call: the older tokens by position, places
that weigh exactly zero, then the token itself. Activations are quantized at run time, which would turn
another order of addition into another text; so a token's numbers depend on its sequence alone, not on the
batch, the length of the cache or the chunk that it was computed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.model.shape import LANES
from models.graphs.layers import Layers, capped
from models.graphs.masks import Masks
from models.tflite import ops
from models.tflite.graph import Graph, Model, Tensor

Caches = Sequence[tuple[Tensor, Tensor]]
"""Keys and values of each layer."""

Look = Callable[[int, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""In a layer, for queries [KV, M, HD] and new keys and values [T, KV, HD]: scores [KV, M, N] of all places
but the token's own, masked, and the values [KV, N, HD] there."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call computes: logits [..., V]; keys and values [..., KV, HD] of each layer."""

    logits: Tensor
    keys: Sequence[Tensor]
    values: Sequence[Tensor]


class Decoder:
    """Writes the decoder's subgraphs into a model file."""

    def __init__(self, model: Model, layers: Layers) -> None:
        self.model = model
        self.layers = layers
        self.arch = layers.arch

    def write_decode(self) -> None:
        """Signature `decode`: one token of each of B sequences after caches of S places (both dynamic).

        Inputs: tokens, positions int32 [B]; mask [B, 1, 1, S], 0 where a place is seen and MASKED elsewhere;
        for each layer key_N, value_N [B, KV, S, HD], S a multiple of LANES.
        Outputs: logits [B, V]; for each layer new_key_N, new_value_N [B, KV, HD].
        """
        g = self.model.subgraph("decode")
        tokens, positions = g.input("tokens", [-1], "int32"), g.input("positions", [-1], "int32")
        mask = g.input("mask", [-1, 1, 1, -1], initial=[1, 1, 1, LANES])
        kv, size = self.arch.kv_heads, self.arch.head_size
        caches = self._cache_inputs(g, [-1, kv, -1, size], [1, kv, LANES, size])
        self._finish(g, self.decode(g, tokens, positions, mask, caches))

    def write_start(self) -> None:
        """Signature `start`: the first T tokens of a sequence (dynamic), two at least.

        Inputs: tokens, positions int32 [T]; rows int32 [R], the tokens whose logits are wanted; zeros
        [Z, KV, HD], Z >= 1, which make N = T - 1 + Z a multiple of LANES; mask [1, T * G, N], strictly
        causal, each row G times.
        Outputs: logits [R, V]; for each layer new_key_N, new_value_N [T, KV, HD].
        """
        self._write_prompt("start", cached=False)

    def write_prefill(self) -> None:
        """Signature `prefill`: T tokens after P cached ones (both dynamic), two and one at least.

        Inputs: those of `start`, with N = P + T - 1 + Z; for each layer key_N, value_N [P, KV, HD].
        Outputs: those of `start`.
        """
        self._write_prompt("prefill", cached=True)

    def _write_prompt(self, name: str, *, cached: bool) -> None:
        g = self.model.subgraph(name)
        tokens, positions = (g.input(part, [-1], "int32", initial=[2]) for part in ("tokens", "positions"))
        rows = g.input("rows", [-1], "int32")
        width = 2 * LANES if cached else LANES
        mask = g.input("mask", [1, -1, -1], initial=[1, 2 * self.arch.group, width])
        kv, size = self.arch.kv_heads, self.arch.head_size
        zeros = g.input("zeros", [-1, kv, size], initial=[LANES - 1, kv, size])
        caches = self._cache_inputs(g, [-1, kv, size], [LANES, kv, size]) if cached else None
        self._finish(g, self.prefill(g, tokens, positions, rows, mask, caches, zeros))

    def write_extend(self) -> None:
        """Signature `extend`: like `prefill`, but on a cache laid out for `decode`, to verify drafted tokens.

        Inputs: tokens, positions int32 [T]; place [1, T, S], 1 where a token belongs (P + t) and 0 elsewhere;
        mask [1, T * G, S], strictly causal, each row G times; for each layer key_N, value_N [KV, S, HD], S a
        multiple of LANES, whose places from P to P + T are zero.
        Outputs: logits [T, V]; for each layer new_key_N, new_value_N [T, KV, HD].
        """
        g = self.model.subgraph("extend")
        tokens, positions = g.input("tokens", [-1], "int32"), g.input("positions", [-1], "int32")
        place = g.input("place", [1, -1, -1], initial=[1, 1, LANES])
        mask = g.input("mask", [1, -1, -1], initial=[1, self.arch.group, LANES])
        kv, size = self.arch.kv_heads, self.arch.head_size
        caches = self._cache_inputs(g, [kv, -1, size], [kv, LANES, size])
        self._finish(g, self.extend(g, tokens, positions, place, mask, caches))

    def decode(self, g: Graph, tokens: Tensor, positions: Tensor, mask: Tensor, caches: Caches) -> Outcome:
        """One token of each of B sequences; shapes as in `write_decode`."""
        a = self.arch
        B, KV, G, HD = tokens.shape[0], a.kv_heads, a.group, a.head_size
        x = self.layers.embed(g, tokens, positions)  # [B, D]
        turns = self.layers.turns(g, positions)
        masks = Masks(a, mask, positions, self.layers.sequence_length)
        keys, values = [], []
        for n, (old_k, old_v) in enumerate(caches):
            q, k, v = self.layers.project(g, n, x, turns)  # [B, heads, HD]
            keys.append(k)
            values.append(v)
            q = ops.reshape(q, [B, KV, G, HD])
            k = ops.reshape(k, [B, KV, 1, HD])
            v = ops.reshape(v, [B, KV, 1, HD])
            own = capped(ops.total(q * k), a.score_cap)  # [B, KV, G, 1]
            old = capped(ops.batch_matmul(q, old_k, transpose_b=True), a.score_cap)  # [B, KV, G, S]
            old = old + masks.of(n)
            own, old, total = _weigh(own, old)
            o = (ops.batch_matmul(old, old_v) + own * v) / total
            x = self.layers.after_attention(g, n, x, ops.reshape(o, [B, a.heads * HD]))
        return Outcome(self.layers.head(g, x), keys, values)

    def prefill(
        self,
        g: Graph,
        tokens: Tensor,
        positions: Tensor,
        rows: Tensor,
        mask: Tensor,
        caches: Caches | None,
        zeros: Tensor,
    ) -> Outcome:
        """T tokens of one sequence, its first without caches; shapes as in `write_start`, `write_prefill`."""

        def older(new: Tensor, cached: Tensor | None) -> Tensor:
            """[KV, N, HD]; the last token is older than no other."""
            parts = [ops.all_but_last(new), zeros]
            return ops.transpose(ops.concat([cached, *parts] if cached else parts, 0), [1, 0, 2])

        def look(n: int, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            old_k, old_v = caches[n] if caches else (None, None)
            scores = ops.batch_matmul(q, older(k, old_k), transpose_b=True)
            return capped(scores, self.arch.score_cap) + masks.of(n), older(v, old_v)

        masks = Masks(self.arch, mask, positions, self.layers.sequence_length)
        return self._one_sequence(g, tokens, positions, rows, look)

    def extend(
        self, g: Graph, tokens: Tensor, positions: Tensor, place: Tensor, mask: Tensor, caches: Caches
    ) -> Outcome:
        """T tokens of one sequence; shapes as in `write_extend`."""
        home = ops.transpose(place, [0, 2, 1])  # [1, S, T]

        def look(n: int, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            # A sum with one term that is not zero moves numbers without changing them.
            old_k, old_v = caches[n]
            new = ops.batch_matmul(q, ops.transpose(k, [1, 0, 2]), transpose_b=True)  # [KV, M, T]
            old = ops.batch_matmul(q, old_k, transpose_b=True) + ops.batch_matmul(new, place)  # [KV, M, S]
            old = capped(old, self.arch.score_cap) + masks.of(n)
            return old, old_v + ops.batch_matmul(home, ops.transpose(v, [1, 0, 2]))

        masks = Masks(self.arch, mask, positions, self.layers.sequence_length)
        return self._one_sequence(g, tokens, positions, None, look)

    def _one_sequence(
        self, g: Graph, tokens: Tensor, positions: Tensor, rows: Tensor | None, look: Look
    ) -> Outcome:
        """T tokens of one sequence; logits of the given rows, or of all."""
        a = self.arch
        KV, G, HD, T = a.kv_heads, a.group, a.head_size, tokens.shape[0]
        M = -1 if T == -1 else T * G
        x = self.layers.embed(g, tokens, positions)  # [T, D]
        turns = self.layers.turns(g, positions)
        keys, values = [], []
        for n in range(a.layers):
            q, k, v = self.layers.project(g, n, x, turns)  # [T, heads, HD]
            keys.append(k)
            values.append(v)
            q = ops.transpose(ops.reshape(q, [T, KV, G, HD]), [1, 0, 2, 3])  # [KV, T, G, HD]
            own_k = ops.transpose(ops.reshape(k, [T, KV, 1, HD]), [1, 0, 2, 3])  # [KV, T, 1, HD]
            own_v = ops.transpose(ops.reshape(v, [T, KV, 1, HD]), [1, 0, 2, 3])
            own = capped(ops.reshape(ops.total(q * own_k), [KV, M, 1]), a.score_cap)
            old, every_v = look(n, ops.reshape(q, [KV, M, HD]), k, v)
            own, old, total = _weigh(own, old)  # [KV, M, 1], [KV, M, N], [KV, M, 1]
            own = ops.reshape(ops.reshape(own, [KV, T, G, 1]) * own_v, [KV, M, HD])
            o = (ops.batch_matmul(old, every_v) + own) / total
            o = ops.transpose(ops.reshape(o, [KV, T, G, HD]), [1, 0, 2, 3])  # [T, KV, G, HD]
            x = self.layers.after_attention(g, n, x, ops.reshape(o, [T, a.heads * HD]))
        logits = self.layers.head(g, x if rows is None else ops.gather(x, rows))
        return Outcome(logits, keys, values)

    def _finish(self, g: Graph, outcome: Outcome) -> None:
        g.output("logits", outcome.logits)
        for n, (key, value) in enumerate(zip(outcome.keys, outcome.values, strict=True)):
            g.output(f"new_key_{n}", key)
            g.output(f"new_value_{n}", value)
        self.model.signature(g)

    def _cache_inputs(self, g: Graph, shape: Sequence[int], initial: Sequence[int]) -> Caches:
        return [
            (g.input(f"key_{n}", shape, initial=initial), g.input(f"value_{n}", shape, initial=initial))
            for n in range(self.arch.layers)
        ]


def _weigh(own: Tensor, old: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Softmax over a token's score [..., 1] and the older ones' [..., N], before division by the sum."""
    most = ops.maximum(ops.largest(old), own)
    own, old = ops.exp(own - most), ops.exp(old - most)
    return own, old, ops.total(old) + own
