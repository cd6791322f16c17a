"""The decoder as TFLite subgraphs: `prefill` takes many tokens of one sequence, `decode` one token of many.

The KV cache is a read-only input; a call returns only the new keys and values, and the host keeps them.
Every attention row adds up its terms in one order whatever the call: the older tokens by position, places
that weigh exactly zero, then the token itself. Activations are quantized at run time, which would turn
another order of addition into another text; so a token's numbers depend on its sequence alone, not on the
batch, the length of the cache or the chunk that it was computed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models import ops
from models.architecture import Architecture
from models.graph import Graph, Model, Tensor
from models.parameters import Parameters

LANES = 64
"""Sums run in vector lanes: attention rows are multiples of this, so that a place keeps its lane."""

MASKED = -1e9
"""Added to the score of a place that must not be seen: its weight underflows to exactly zero."""

Rope = tuple[Tensor, Tensor] | None
"""Cosine and sine rows of the tokens' positions [..., 1, HD]; None with learned positions."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call computes: logits [..., V]; keys and values, joined over the layers."""

    logits: Tensor
    keys: Tensor
    values: Tensor


class Decoder:
    """Writes the decoder's subgraphs into a model file."""

    def __init__(
        self, model: Model, arch: Architecture, parameters: Parameters, sequence_length: int
    ) -> None:
        self.model = model
        self.arch = arch
        self.parameters = parameters
        self.sequence_length = sequence_length

    def write_decode(self) -> None:
        """Signature `decode`: one token of each of B sequences after caches of S places (both dynamic).

        Inputs: tokens, positions int32 [B]; mask [B, 1, 1, S], 0 where a place is seen and MASKED elsewhere;
        for each layer key_N, value_N [B, KV, S, HD], S a multiple of LANES.
        Outputs: logits [B, V]; keys, values [L, B, KV, HD].
        """
        g = self.model.subgraph("decode")
        tokens, positions = g.input("tokens", [-1], "int32"), g.input("positions", [-1], "int32")
        mask = g.input("mask", [-1, 1, 1, -1], initial=[1, 1, 1, LANES])
        kv, size = self.arch.kv_heads, self.arch.head_size
        caches = self._cache_inputs(g, [-1, kv, -1, size], [1, kv, LANES, size])
        self._finish(g, self.decode(g, tokens, positions, mask, caches))

    def write_prefill(self) -> None:
        """Signature `prefill`: T tokens of one sequence after P cached ones (both dynamic).

        Inputs: tokens, positions int32 [T]; rows int32 [R], the tokens whose logits are wanted; zeros
        [Z, KV, HD], Z >= 1, which make N = P + T + Z a multiple of LANES; mask [1, T * G, N], strictly
        causal, each row G times; for each layer key_N, value_N [P, KV, HD]. With nothing cached, LANES masked
        places of zeros stand for it.
        Outputs: logits [R, V]; keys, values [L, T, KV, HD].
        """
        g = self.model.subgraph("prefill")
        tokens, positions = g.input("tokens", [-1], "int32"), g.input("positions", [-1], "int32")
        rows = g.input("rows", [-1], "int32")
        mask = g.input("mask", [1, -1, -1], initial=[1, self.arch.group, 2 * LANES])
        kv, size = self.arch.kv_heads, self.arch.head_size
        zeros = g.input("zeros", [-1, kv, size], initial=[LANES - 1, kv, size])
        caches = self._cache_inputs(g, [-1, kv, size], [LANES, kv, size])
        self._finish(g, self.prefill(g, tokens, positions, rows, mask, caches, zeros))

    def decode(
        self,
        g: Graph,
        tokens: Tensor,
        positions: Tensor,
        mask: Tensor,
        caches: Sequence[tuple[Tensor, Tensor]],
    ) -> Outcome:
        """One token of each of B sequences; shapes as in `write_decode`."""
        a = self.arch
        B, KV, G, HD = tokens.shape[0], a.kv_heads, a.group, a.head_size
        x = self._embed(g, tokens, positions)  # [B, D]
        rope = self._rope(g, positions)
        keys, values = [], []
        for n, (old_k, old_v) in enumerate(caches):
            q, k, v = self._project(g, n, x, rope)  # [B, heads, HD]
            q = ops.reshape(q, [B, KV, G, HD])
            k = ops.reshape(k, [B, KV, 1, HD])
            v = ops.reshape(v, [B, KV, 1, HD])
            own = ops.total(q * k)  # [B, KV, G, 1]
            old = ops.batch_matmul(q, old_k, transpose_b=True) + mask  # [B, KV, G, S]
            own, old, total = self._weigh(own, old)
            o = (ops.batch_matmul(old, old_v) + own * v) / total
            x = x + self.parameters.linear(g, f"{n}.o", ops.reshape(o, [B, a.heads * HD]))
            x = x + self._mlp(g, n, x)
            keys.append(ops.reshape(k, [1, B, KV, HD]))
            values.append(ops.reshape(v, [1, B, KV, HD]))
        return Outcome(self._head(g, x), ops.concat(keys, 0), ops.concat(values, 0))

    def prefill(
        self,
        g: Graph,
        tokens: Tensor,
        positions: Tensor,
        rows: Tensor,
        mask: Tensor,
        caches: Sequence[tuple[Tensor, Tensor]],
        zeros: Tensor,
    ) -> Outcome:
        """T tokens of one sequence; shapes as in `write_prefill`."""
        a = self.arch
        KV, G, HD, T = a.kv_heads, a.group, a.head_size, tokens.shape[0]
        M = -1 if T == -1 else T * G
        x = self._embed(g, tokens, positions)  # [T, D]
        rope = self._rope(g, positions)
        keys, values = [], []
        for n, (old_k, old_v) in enumerate(caches):
            q, k, v = self._project(g, n, x, rope)  # [T, heads, HD]
            every_k = ops.transpose(ops.concat([old_k, k, zeros], 0), [1, 0, 2])  # [KV, N, HD]
            every_v = ops.transpose(ops.concat([old_v, v, zeros], 0), [1, 0, 2])
            q = ops.transpose(ops.reshape(q, [T, KV, G, HD]), [1, 0, 2, 3])  # [KV, T, G, HD]
            own_k = ops.transpose(ops.reshape(k, [T, KV, 1, HD]), [1, 0, 2, 3])  # [KV, T, 1, HD]
            own_v = ops.transpose(ops.reshape(v, [T, KV, 1, HD]), [1, 0, 2, 3])
            own = ops.reshape(ops.total(q * own_k), [KV, M, 1])
            old = ops.batch_matmul(ops.reshape(q, [KV, M, HD]), every_k, transpose_b=True) + mask
            own, old, total = self._weigh(own, old)  # [KV, M, 1], [KV, M, N], [KV, M, 1]
            own = ops.reshape(ops.reshape(own, [KV, T, G, 1]) * own_v, [KV, M, HD])
            o = (ops.batch_matmul(old, every_v) + own) / total
            o = ops.transpose(ops.reshape(o, [KV, T, G, HD]), [1, 0, 2, 3])  # [T, KV, G, HD]
            x = x + self.parameters.linear(g, f"{n}.o", ops.reshape(o, [T, a.heads * HD]))
            x = x + self._mlp(g, n, x)
            keys.append(ops.reshape(k, [1, T, KV, HD]))
            values.append(ops.reshape(v, [1, T, KV, HD]))
        return Outcome(self._head(g, ops.gather(x, rows)), ops.concat(keys, 0), ops.concat(values, 0))

    def _finish(self, g: Graph, outcome: Outcome) -> None:
        g.output("logits", outcome.logits)
        g.output("keys", outcome.keys)
        g.output("values", outcome.values)
        self.model.signature(g)

    def _cache_inputs(
        self, g: Graph, shape: Sequence[int], initial: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        return [
            (g.input(f"key_{n}", shape, initial=initial), g.input(f"value_{n}", shape, initial=initial))
            for n in range(self.arch.layers)
        ]

    def _embed(self, g: Graph, tokens: Tensor, positions: Tensor) -> Tensor:
        x = self.parameters.embedding(g, tokens)
        if self.arch.positions == "learned":
            table = self.parameters.vector(g, "positions")
            x = x + ops.gather(table, positions)
        return x

    def _rope(self, g: Graph, positions: Tensor) -> Rope:
        """Rows of the rotary tables; the sine's first half is negated, as the rotation needs it."""
        if self.arch.positions == "learned":
            return None
        half = np.arange(0, self.arch.head_size, 2) / self.arch.head_size
        angle = np.outer(np.arange(self.sequence_length), self.arch.rope_base**-half)  # [S, HD / 2]
        cos = np.concatenate([np.cos(angle), np.cos(angle)], 1, dtype=np.float32)
        sin = np.concatenate([-np.sin(angle), np.sin(angle)], 1, dtype=np.float32)
        shape = [*positions.shape, 1, self.arch.head_size]
        return (
            ops.reshape(ops.gather(g.constant(cos), positions), shape),
            ops.reshape(ops.gather(g.constant(sin), positions), shape),
        )

    def _rotate(self, x: Tensor, rope: Rope) -> Tensor:
        if rope is None:
            return x
        cos, sin = rope
        left, right = ops.split(x, 2)
        return x * cos + ops.concat([right, left], -1) * sin

    def _project(self, g: Graph, n: int, x: Tensor, rope: Rope) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [..., H, HD], keys and values [..., KV, HD] of tokens x [..., D]."""
        a = self.arch
        y = self.parameters.linear(g, f"{n}.q+{n}.k+{n}.v", self._norm(g, x, f"{n}.norm1"))
        y = ops.reshape(y, [*x.shape[:-1], a.heads + 2 * a.kv_heads, a.head_size])
        qk = self._rotate(ops.slice_(y, [0, 0, 0], [*x.shape[:-1], a.heads + a.kv_heads, a.head_size]), rope)
        q = ops.slice_(qk, [0, 0, 0], [*x.shape[:-1], a.heads, a.head_size])
        k = ops.slice_(qk, [0, a.heads, 0], [*x.shape[:-1], a.kv_heads, a.head_size])
        v = ops.slice_(y, [0, a.heads + a.kv_heads, 0], [*x.shape[:-1], a.kv_heads, a.head_size])
        return q, k, v

    def _weigh(self, own: Tensor, old: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Softmax over a token's score [..., 1] and the older ones' [..., N], before division by the sum."""
        most = ops.maximum(ops.largest(old), own)
        own, old = ops.exp(own - most), ops.exp(old - most)
        return own, old, ops.total(old) + own

    def _norm(self, g: Graph, x: Tensor, name: str) -> Tensor:
        gain = self.parameters.vector(g, name)
        if self.arch.norm == "layer":
            x = x - ops.mean(x)
        y = x * ops.rsqrt(ops.mean(x * x) + self.arch.norm_epsilon) * gain
        return y + self.parameters.vector(g, f"{name}.bias") if self.arch.norm == "layer" else y

    def _mlp(self, g: Graph, n: int, x: Tensor) -> Tensor:
        y = self._norm(g, x, f"{n}.norm2")
        up = self.parameters.linear(g, f"{n}.up", y)
        if self.arch.mlp == "gelu":
            return self.parameters.linear(g, f"{n}.down", ops.gelu(up, approximate=True))
        gate = self.parameters.linear(g, f"{n}.gate", y)
        return self.parameters.linear(g, f"{n}.down", gate * ops.logistic(gate) * up)

    def _head(self, g: Graph, x: Tensor) -> Tensor:
        """Logits [..., V]."""
        return self.parameters.linear(g, "head", self._norm(g, x, "final_norm"))
