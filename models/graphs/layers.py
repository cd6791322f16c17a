"""The parts of a transformer layer that see one token at a time: everything but attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.checkpoint.architecture import Activation, Architecture, Rotary
from models.quantization.constants import Parameters
from models.tflite import ops
from models.tflite.graph import Graph, Tensor

Turns = Mapping[Rotary, tuple[Tensor, Tensor]]
"""For each rotation: cosine and sine rows of the tokens' positions [..., 1, HD]."""


class Layers:
    """Writes embedding, projections, norms, MLP and logits for tokens [...]."""

    def __init__(self, arch: Architecture, parameters: Parameters, sequence_length: int) -> None:
        self.arch = arch
        self.parameters = parameters
        self.sequence_length = sequence_length

    def embed(self, g: Graph, tokens: Tensor, positions: Tensor) -> Tensor:
        """Hidden states [..., D] of token ids."""
        x = self.parameters.embedding(g, tokens)
        if "embedding_mix" in self.parameters:
            x = self.parameters.mix(g, "embedding_mix", x)
        if "mean" in self.parameters:
            mean = self.parameters.vector(g, "mean")
            x = x - ops.total(x * mean) * mean
        if "positions" in self.parameters:
            x = x + ops.gather(self.parameters.vector(g, "positions"), positions)
        return self._norm(g, x, "embedding_norm") if "embedding_norm" in self.parameters else x

    def turns(self, g: Graph, positions: Tensor) -> Turns:
        """Rows of the rotary tables; the sine's first half is negated, as the rotation needs it."""
        rotaries = dict.fromkeys(each.rotary for each in self.arch.attention if each.rotary)
        return {rotary: self._turn(g, rotary, positions) for rotary in rotaries}

    def _turn(self, g: Graph, rotary: Rotary, positions: Tensor) -> tuple[Tensor, Tensor]:
        cos, sin = rotary.table(np.arange(self.sequence_length))  # [S, HD / 2]
        shape = [*positions.shape, 1, self.arch.head_size]
        tables = [np.concatenate(halves, 1, dtype=np.float32) for halves in ([cos, cos], [-sin, sin])]
        first, second = (ops.reshape(ops.gather(g.constant(t), positions), shape) for t in tables)
        return first, second

    def project(self, g: Graph, n: int, x: Tensor, turns: Turns) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [..., H, HD], keys and values [..., KV, HD] of layer n."""
        a, rotary = self.arch, self.arch.attention[n].rotary
        y = self._norm(g, x, f"{n}.norm1") if a.pre_norm else x
        y = self.parameters.linear(g, f"{n}.q+{n}.k+{n}.v", y)
        y = ops.reshape(y, [*x.shape[:-1], a.heads + 2 * a.kv_heads, a.head_size])
        qk = ops.slice_(y, [0, 0, 0], [*x.shape[:-1], a.heads + a.kv_heads, a.head_size])
        if a.head_norm and not a.head_norm_last:
            qk = self._head_norm(g, n, qk)
        if rotary is not None:
            qk = _rotate(qk, *turns[rotary])
        if a.head_norm and a.head_norm_last:
            qk = self._head_norm(g, n, qk)
        q = ops.slice_(qk, [0, 0, 0], [*x.shape[:-1], a.heads, a.head_size])
        k = ops.slice_(qk, [0, a.heads, 0], [*x.shape[:-1], a.kv_heads, a.head_size])
        v = ops.slice_(y, [0, a.heads + a.kv_heads, 0], [*x.shape[:-1], a.kv_heads, a.head_size])
        return q, k, v

    def after_attention(self, g: Graph, n: int, x: Tensor, o: Tensor) -> Tensor:
        """The rest of layer n: attention's output o [..., H * HD] back to x [..., D], and the MLP."""
        a = self.arch
        o = self.parameters.linear(g, f"{n}.o", o)
        if a.post_norm:
            o = self._norm(g, o, f"{n}.post1")
        between = x if a.parallel else x + o
        m = self._mlp(g, n, self._norm(g, between, f"{n}.norm2") if a.pre_norm else between)
        if a.post_norm:
            m = self._norm(g, m, f"{n}.post2")
        return x + o + m if a.parallel else between + m

    def head(self, g: Graph, x: Tensor) -> Tensor:
        """Logits [..., V]."""
        y = self._norm(g, x, "final_norm")
        if "head_mix" in self.parameters:
            y = self.parameters.mix(g, "head_mix", y)
        return capped(self.parameters.linear(g, "head", y), self.arch.logit_cap)

    def _mlp(self, g: Graph, n: int, y: Tensor) -> Tensor:
        up = self.parameters.linear(g, f"{n}.up", y)
        if self.arch.gated:
            gate = self.parameters.linear(g, f"{n}.gate", y)
            hidden = _activate(gate, self.arch.activation) * up
        elif self.arch.activation == "xielu":
            hidden = _xielu(up, self.parameters.numbers(f"{n}.curve"))
        else:
            hidden = _activate(up, self.arch.activation)
        if "down_mix" in self.parameters:
            hidden = self._mix_blocks(g, hidden)
        return self.parameters.linear(g, f"{n}.down", hidden)

    def _norm(self, g: Graph, x: Tensor, name: str) -> Tensor:
        y = self._scaled(x, self.arch.norm)
        if name in self.parameters:
            y = y * self.parameters.vector(g, name)
        return y + self.parameters.vector(g, f"{name}.bias") if f"{name}.bias" in self.parameters else y

    def _scaled(self, x: Tensor, kind: str) -> Tensor:
        """Rows [..., n] of length sqrt(n), their mean taken out first by LayerNorm."""
        if kind == "layer":
            x = x - ops.mean(x)
        return x * ops.rsqrt(ops.mean(x * x) + self.arch.norm_epsilon)

    def _head_norm(self, g: Graph, n: int, qk: Tensor) -> Tensor:
        """Queries and keys [..., H + KV, HD], normed over each head or over each part's row."""
        a, leading = self.arch, qk.shape[:-2]
        if a.head_norm == "head":
            y = self._scaled(qk, a.head_norm_kind)
        else:
            rows = []
            for start, heads in ((0, a.heads), (a.heads, a.kv_heads)):
                part = ops.slice_(qk, [0, start, 0], [*leading, heads, a.head_size])
                row = self._scaled(ops.reshape(part, [*leading, heads * a.head_size]), a.head_norm_kind)
                rows.append(ops.reshape(row, [*leading, heads, a.head_size]))
            y = ops.concat(rows, -2)
        for suffix in ("", ".bias"):
            if f"{n}.q_norm{suffix}" in self.parameters:
                parts = [(f"{n}.q_norm{suffix}", a.heads), (f"{n}.k_norm{suffix}", a.kv_heads)]
                vector = self.parameters.by_head(g, parts, a.head_size)
                y = y + vector if suffix else y * vector
        return y

    def _mix_blocks(self, g: Graph, x: Tensor) -> Tensor:
        """Each block of x [T, F] times the matrix `down_mix`."""
        block = self.parameters.size("down_mix")
        blocks = ops.reshape(x, [-1, block])  # [T * F / block, block]
        return ops.reshape(self.parameters.mix(g, "down_mix", blocks), x.shape)


def capped(x: Tensor, cap: float) -> Tensor:
    """Cap * tanh(x / cap); x itself where there is no cap."""
    return ops.tanh(x * (1 / cap)) * cap if cap else x


def _activate(x: Tensor, activation: Activation) -> Tensor:
    match activation:
        case "silu":
            return x * ops.logistic(x)
        case "relu":
            return ops.maximum(x, 0.0)
        case "relu_squared":
            positive = ops.maximum(x, 0.0)
            return positive * positive
        case _:
            return ops.gelu(x, approximate=activation == "gelu_tanh")


def _xielu(x: Tensor, curve: Sequence[float]) -> Tensor:
    p, n, b = curve
    above = ops.maximum(x, 0.0)
    below = x - above
    return above * above * p + (ops.exp(below) - 1.0 - below) * n + x * b


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    left, right = ops.split(x, 2)
    return x * cos + ops.concat([right, left], -1) * sin
