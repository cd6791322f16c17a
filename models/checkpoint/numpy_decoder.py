"""The decoder in NumPy and float32, straight from the checkpoint: what a built file is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from models.checkpoint.architecture import Checkpoint
from models.tflite.graph import Array

Observe = Callable[[str, Array, Array], None]
"""Is shown each matrix's name, its input [T, in] and their product [T, out], which has no bias yet."""


class Reference:
    """A checkpoint's exact answers; it keeps the sequence that it has read."""

    def __init__(self, checkpoint: Checkpoint, observe: Observe | None = None) -> None:
        self._arch = checkpoint.architecture
        self._weights = checkpoint.weights
        self._observe = observe
        self._caches: dict[int, tuple[Array, Array]] = {}
        self._length = 0

    def reset(self) -> None:
        """Forget the sequence."""
        self._caches, self._length = {}, 0

    def extend(self, tokens: Sequence[int]) -> Array:
        """Logits [T, V] after each of T more tokens."""
        positions = np.arange(self._length, self._length + len(tokens))
        x = self.embed(tokens, positions)
        for n in range(self._arch.layers):
            x = self.layer(n, x, positions)
        self._length += len(tokens)
        return self.head(x)

    def greedy(self, prompt: Sequence[int], count: int, end_ids: Sequence[int]) -> list[int]:
        """The likeliest continuation, up to `count` tokens or the end of the text."""
        self.reset()
        logits, found = self.extend(prompt)[-1], list[int]()
        while len(found) < count:
            token = int(np.argmax(logits))
            if token in end_ids:
                break
            found.append(token)
            logits = self.extend([token])[-1]
        return found

    def embed(self, tokens: Sequence[int], positions: Array) -> Array:
        """Hidden states [T, D] of tokens at positions [T]."""
        x: Array = self._weights["embedding"][np.asarray(tokens)]
        if "mean" in self._weights:
            mean = self._weights["mean"]
            x = x - (x @ mean)[:, None] * mean
        return x + self._weights["positions"][positions] if "positions" in self._weights else x

    def layer(self, n: int, x: Array, positions: Array) -> Array:
        """Hidden states [T, D] after layer n; its keys and values join the sequence's."""
        a, T = self._arch, len(x)
        y = self._norm(x, f"{n}.norm1")
        q = self._linear(y, f"{n}.q").reshape(T, a.heads, a.head_size)
        k = self._linear(y, f"{n}.k").reshape(T, a.kv_heads, a.head_size)
        v = self._linear(y, f"{n}.v").reshape(T, a.kv_heads, a.head_size)
        if a.positions == "rope":
            q, k = self._rotate(q, positions), self._rotate(k, positions)
        k, v = self._remember(n, k, v)
        x = x + self._linear(self._attention(q, k, v, positions), f"{n}.o")
        return x + self._mlp(self._norm(x, f"{n}.norm2"), n)

    def head(self, x: Array) -> Array:
        """Logits [T, V] of the last layer's hidden states [T, D]."""
        y = self._norm(x, "final_norm")
        if "head_mix" in self._weights:
            y = self._linear(y, "head_mix")
        return self._linear(y, "head" if "head" in self._weights else "embedding")

    def _linear(self, x: Array, name: str) -> Array:
        y: Array = x @ self._weights[name].T
        if self._observe is not None:
            self._observe(name, x, y)
        return y + self._weights[f"{name}.bias"] if f"{name}.bias" in self._weights else y

    def _norm(self, x: Array, name: str) -> Array:
        if self._arch.norm == "layer":
            x = x - x.mean(-1, keepdims=True)
        y: Array = x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(self._arch.norm_epsilon))
        if name in self._weights:
            y = y * self._weights[name]
        return y + self._weights[f"{name}.bias"] if f"{name}.bias" in self._weights else y

    def _rotate(self, x: Array, positions: Array) -> Array:
        half = x.shape[-1] // 2
        frequencies = self._arch.rope_base ** (-np.arange(half) / half)
        angle = np.outer(positions, frequencies)[:, None]  # [T, 1, HD / 2]
        cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        left, right = x[..., :half], x[..., half:]
        return np.concatenate([left * cos - right * sin, right * cos + left * sin], -1)

    def _remember(self, n: int, k: Array, v: Array) -> tuple[Array, Array]:
        if n in self._caches:
            old_k, old_v = self._caches[n]
            k, v = np.concatenate([old_k, k]), np.concatenate([old_v, v])
        self._caches[n] = k, v
        return k, v

    def _attention(self, q: Array, k: Array, v: Array, positions: Array) -> Array:
        a, T = self._arch, len(q)
        grouped = q.reshape(T, a.kv_heads, a.group, a.head_size).transpose(1, 2, 0, 3)  # [KV, G, T, HD]
        scores = grouped @ k.transpose(1, 2, 0)[:, None] * np.float32(a.head_size**-0.5)  # [KV, G, T, S]
        scores = np.where(np.arange(len(k)) <= positions[:, None], scores, np.float32(-1e9))
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        out: Array = weights @ v.transpose(1, 0, 2)[:, None]  # [KV, G, T, HD]
        return out.transpose(2, 0, 1, 3).reshape(T, -1)

    def _mlp(self, y: Array, n: int) -> Array:
        up = self._linear(y, f"{n}.up")
        if self._arch.mlp == "gelu":
            inner = np.float32(np.sqrt(2 / np.pi)) * (up + np.float32(0.044715) * up**3)
            hidden = np.float32(0.5) * up * (1 + np.tanh(inner))
        else:
            gate = self._linear(y, f"{n}.gate")
            hidden = gate / (1 + np.exp(-gate)) * up
        if "down_mix" in self._weights:
            mix = self._weights["down_mix"]  # [block, block]
            hidden = (hidden.reshape(-1, len(mix)) @ mix.T).reshape(hidden.shape)
        return self._linear(hidden, f"{n}.down")


def pass_through(
    checkpoint: Checkpoint, sequences: Sequence[Sequence[int]], observe: Observe
) -> Iterator[int]:
    """Send sequences through the layers, all of them through one before the next; yields each layer's number.

    Args:
        checkpoint: What is computed.
        sequences: Token ids.
        observe: Sees every matrix of the layers at work.
    """
    references = [Reference(checkpoint, observe) for _ in sequences]
    places = [np.arange(len(tokens)) for tokens in sequences]
    states = [r.embed(ids, at) for r, ids, at in zip(references, sequences, places, strict=True)]
    for n in range(checkpoint.architecture.layers):
        states = [r.layer(n, x, at) for r, x, at in zip(references, states, places, strict=True)]
        for reference in references:
            reference.reset()
        yield n
