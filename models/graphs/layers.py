"""The parts of a transformer layer that see one token at a time: everything but attention."""

from __future__ import annotations

import numpy as np

from models.checkpoint.architecture import Architecture
from models.quantization.constants import Parameters
from models.tflite import ops
from models.tflite.graph import Graph, Tensor

Rope = tuple[Tensor, Tensor] | None
"""Cosine and sine rows of the tokens' positions [..., 1, HD]; None with learned positions."""


class Layers:
    """Writes embedding, projections, norms, MLP and logits for tokens [...]."""

    def __init__(self, arch: Architecture, parameters: Parameters, sequence_length: int) -> None:
        self.arch = arch
        self.parameters = parameters
        self.sequence_length = sequence_length

    def embed(self, g: Graph, tokens: Tensor, positions: Tensor) -> Tensor:
        """Hidden states [..., D] of token ids."""
        x = self.parameters.embedding(g, tokens)
        if "mean" in self.parameters:
            mean = self.parameters.vector(g, "mean")
            x = x - ops.total(x * mean) * mean
        if self.arch.positions == "learned":
            x = x + ops.gather(self.parameters.vector(g, "positions"), positions)
        return x

    def rope(self, g: Graph, positions: Tensor) -> Rope:
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

    def project(self, g: Graph, n: int, x: Tensor, rope: Rope) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [..., H, HD], keys and values [..., KV, HD] of layer n."""
        a = self.arch
        y = self.parameters.linear(g, f"{n}.q+{n}.k+{n}.v", self._norm(g, x, f"{n}.norm1"))
        y = ops.reshape(y, [*x.shape[:-1], a.heads + 2 * a.kv_heads, a.head_size])
        qk = _rotate(ops.slice_(y, [0, 0, 0], [*x.shape[:-1], a.heads + a.kv_heads, a.head_size]), rope)
        q = ops.slice_(qk, [0, 0, 0], [*x.shape[:-1], a.heads, a.head_size])
        k = ops.slice_(qk, [0, a.heads, 0], [*x.shape[:-1], a.kv_heads, a.head_size])
        v = ops.slice_(y, [0, a.heads + a.kv_heads, 0], [*x.shape[:-1], a.kv_heads, a.head_size])
        return q, k, v

    def after_attention(self, g: Graph, n: int, x: Tensor, o: Tensor) -> Tensor:
        """The rest of layer n: attention's output o [..., H * HD] back to x [..., D], then the MLP."""
        x = x + self.parameters.linear(g, f"{n}.o", o)
        y = self._norm(g, x, f"{n}.norm2")
        up = self.parameters.linear(g, f"{n}.up", y)
        if self.arch.mlp == "gelu":
            hidden = ops.gelu(up, approximate=True)
        else:
            gate = self.parameters.linear(g, f"{n}.gate", y)
            hidden = gate * ops.logistic(gate) * up
        if "down_mix" in self.parameters:
            hidden = self._mix_blocks(g, hidden)
        return x + self.parameters.linear(g, f"{n}.down", hidden)

    def head(self, g: Graph, x: Tensor) -> Tensor:
        """Logits [..., V]."""
        y = self._norm(g, x, "final_norm")
        if "head_mix" in self.parameters:
            y = self.parameters.mix(g, "head_mix", y)
        return self.parameters.linear(g, "head", y)

    def _norm(self, g: Graph, x: Tensor, name: str) -> Tensor:
        if self.arch.norm == "layer":
            x = x - ops.mean(x)
        y = x * ops.rsqrt(ops.mean(x * x) + self.arch.norm_epsilon)
        if name in self.parameters:
            y = y * self.parameters.vector(g, name)
        return y + self.parameters.vector(g, f"{name}.bias") if f"{name}.bias" in self.parameters else y

    def _mix_blocks(self, g: Graph, x: Tensor) -> Tensor:
        """Each block of x [T, F] times the matrix `down_mix`."""
        block = self.parameters.size("down_mix")
        blocks = ops.reshape(x, [-1, block])  # [T * F / block, block]
        return ops.reshape(self.parameters.mix(g, "down_mix", blocks), x.shape)


def _rotate(x: Tensor, rope: Rope) -> Tensor:
    if rope is None:
        return x
    cos, sin = rope
    left, right = ops.split(x, 2)
    return x * cos + ops.concat([right, left], -1) * sin
