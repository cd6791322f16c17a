"""The decoder in NumPy and float32, straight from the checkpoint: what a built file is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

import numpy as np

from models.checkpoint.architecture import Activation, Checkpoint, Rotary
from models.checkpoint.weights import LayerByLayer
from models.tflite.graph import Array

Observe = Callable[[str, Array, Array], None]
"""Is shown each matrix's name, its input [T, in] and their product [T, out], which has no bias yet."""


class Reference:
    """A checkpoint's exact answers; it keeps the sequence that it has read."""

    def __init__(self, checkpoint: Checkpoint, observe: Observe | None = None) -> None:
        self._arch = checkpoint.architecture
        self._weights = LayerByLayer(checkpoint.weights)
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
        if "embedding_mix" in self._weights:
            x = self._linear(x, "embedding_mix")
        if "mean" in self._weights:
            mean = self._weights["mean"]
            x = x - (x @ mean)[:, None] * mean
        if "positions" in self._weights:
            x = x + self._weights["positions"][positions]
        return self._norm(x, "embedding_norm") if "embedding_norm" in self._weights else x

    def layer(self, n: int, x: Array, positions: Array) -> Array:
        """Hidden states [T, D] after layer n; its keys and values join the sequence's."""
        a = self._arch
        o = self._attention(self._norm(x, f"{n}.norm1") if a.pre_norm else x, n, positions)
        if a.post_norm:
            o = self._norm(o, f"{n}.post1")
        between = x if a.parallel else x + o
        m = self._mlp(self._norm(between, f"{n}.norm2") if a.pre_norm else between, n)
        if a.post_norm:
            m = self._norm(m, f"{n}.post2")
        return x + o + m if a.parallel else between + m

    def head(self, x: Array) -> Array:
        """Logits [T, V] of the last layer's hidden states [T, D]."""
        y = self._norm(x, "final_norm")
        if "head_mix" in self._weights:
            y = self._linear(y, "head_mix")
        logits = self._linear(y, "head" if "head" in self._weights else "embedding")
        return _capped(logits, self._arch.logit_cap)

    def _linear(self, x: Array, name: str) -> Array:
        y: Array = x @ self._weights[name].T
        if self._observe is not None:
            self._observe(name, x, y)
        return y + self._weights[f"{name}.bias"] if f"{name}.bias" in self._weights else y

    def _norm(self, x: Array, name: str) -> Array:
        y = self._scaled(x, self._arch.norm)
        if name in self._weights:
            y = y * self._weights[name]
        return y + self._weights[f"{name}.bias"] if f"{name}.bias" in self._weights else y

    def _scaled(self, x: Array, kind: str) -> Array:
        """Rows [..., n] of length sqrt(n), their mean taken out first by LayerNorm."""
        if kind == "layer":
            x = x - x.mean(-1, keepdims=True)
        y: Array = x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(self._arch.norm_epsilon))
        return y

    def _queries_keys(self, y: Array, n: int, positions: Array) -> tuple[Array, Array]:
        """[T, H, HD] and [T, KV, HD], normed and turned."""
        a, rotary = self._arch, self._arch.attention[n].rotary
        q, k = self._linear(y, f"{n}.q"), self._linear(y, f"{n}.k")
        if not a.head_norm_last:
            q, k = self._head_norm(q, f"{n}.q_norm"), self._head_norm(k, f"{n}.k_norm")
        if rotary is not None:
            q, k = (_turned(each, rotary, positions) for each in (q, k))
        if a.head_norm_last:
            q, k = self._head_norm(q, f"{n}.q_norm"), self._head_norm(k, f"{n}.k_norm")
        return q.reshape(len(y), a.heads, a.head_size), k.reshape(len(y), a.kv_heads, a.head_size)

    def _head_norm(self, x: Array, name: str) -> Array:
        """Queries or keys [T, heads * HD], normed over each head or over the row."""
        if not self._arch.head_norm:
            return x
        size = self._arch.head_size if self._arch.head_norm == "head" else x.shape[1]
        rows = self._scaled(x.reshape(len(x), -1, size), self._arch.head_norm_kind)
        if name in self._weights:
            rows = rows * self._weights[name].reshape(-1, rows.shape[-1])
        if f"{name}.bias" in self._weights:
            rows = rows + self._weights[f"{name}.bias"].reshape(-1, rows.shape[-1])
        return rows.reshape(x.shape)

    def _remember(self, n: int, k: Array, v: Array) -> tuple[Array, Array]:
        if n in self._caches:
            old_k, old_v = self._caches[n]
            k, v = np.concatenate([old_k, k]), np.concatenate([old_v, v])
        self._caches[n] = k, v
        return k, v

    def _attention(self, y: Array, n: int, positions: Array) -> Array:
        """Attention's output [T, D]."""
        a, T = self._arch, len(y)
        q, k = self._queries_keys(y, n, positions)
        k, v = self._remember(n, k, self._linear(y, f"{n}.v").reshape(T, a.kv_heads, a.head_size))
        grouped = q.reshape(T, a.kv_heads, a.group, a.head_size).transpose(1, 2, 0, 3)  # [KV, G, T, HD]
        scores = grouped @ k.transpose(1, 2, 0)[:, None] * np.float32(a.scale)  # [KV, G, T, S]
        scores = _capped(scores, a.score_cap)
        places, window = np.arange(len(k)), a.attention[n].window
        if a.slopes:
            slopes = np.array(a.slopes, np.float32).reshape(a.kv_heads, a.group, 1, 1)
            scores = scores + slopes * (places - positions[:, None]).astype(np.float32)
        seen = places <= positions[:, None]
        if window:
            seen &= places > positions[:, None] - window
        scores = np.where(seen, scores, np.float32(-1e9))
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        out: Array = weights @ v.transpose(1, 0, 2)[:, None]  # [KV, G, T, HD]
        return self._linear(out.transpose(2, 0, 1, 3).reshape(T, -1), f"{n}.o")

    def _mlp(self, y: Array, n: int) -> Array:
        up = self._linear(y, f"{n}.up")
        if self._arch.activation == "xielu":
            hidden = _xielu(up, self._weights[f"{n}.curve"])
        else:
            activation = ACTIVATIONS[self._arch.activation]
            hidden = activation(self._linear(y, f"{n}.gate")) * up if self._arch.gated else activation(up)
        if "down_mix" in self._weights:
            mix = self._weights["down_mix"]  # [block, block]
            hidden = (hidden.reshape(-1, len(mix)) @ mix.T).reshape(hidden.shape)
        return self._linear(hidden, f"{n}.down")


def _turned(x: Array, rotary: Rotary, positions: Array) -> Array:
    """Rows [T, ...] of heads at positions [T]."""
    heads = x.reshape(len(x), -1, 2 * len(rotary.frequencies))
    cos, sin = (part.astype(np.float32)[:, None] for part in rotary.table(positions))  # [T, 1, HD / 2]
    left, right = np.split(heads, 2, -1)
    found: Array = np.concatenate([left * cos - right * sin, right * cos + left * sin], -1)
    return found.reshape(x.shape)


def _capped(x: Array, cap: float) -> Array:
    result: Array = np.tanh(x / np.float32(cap)) * np.float32(cap) if cap else x
    return result


def _gelu_tanh(x: Array) -> Array:
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x**3)
    result: Array = np.float32(0.5) * x * (1 + np.tanh(inner))
    return result


def _gelu(x: Array) -> Array:
    """X times the normal distribution's share below it; erf of doubles, as the C library has it."""
    error = np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))
    result: Array = (0.5 * x * (1 + error)).astype(np.float32)
    return result


def _silu(x: Array) -> Array:
    with np.errstate(over="ignore"):  # exp(-x) of a far negative x: the result is 0, as it should be
        result: Array = x / (1 + np.exp(-x))
    return result


def _xielu(x: Array, curve: Array) -> Array:
    p, n, b = curve
    above, below = np.maximum(x, 0), np.minimum(x, 0)
    result: Array = p * above * above + n * (np.expm1(below) - below) + b * x
    return result


ACTIVATIONS: dict[Activation, Callable[[Array], Array]] = {
    "silu": _silu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "relu": lambda x: np.maximum(x, 0),
    "relu_squared": lambda x: np.square(np.maximum(x, 0)),
}


def pass_through(
    checkpoint: Checkpoint, sequences: Sequence[Sequence[int]], observe: Observe | None = None
) -> Generator[int, None, list[Array]]:
    """Send sequences through the layers, all of them through one before the next; yields each layer's number.

    Args:
        checkpoint: What is computed.
        sequences: Token ids.
        observe: Sees every matrix of the layers at work.

    Returns:
        Hidden states [T, D] of each sequence behind the last layer.
    """
    checkpoint = replace(checkpoint, weights=LayerByLayer(checkpoint.weights))
    references = [Reference(checkpoint, observe) for _ in sequences]
    places = [np.arange(len(tokens)) for tokens in sequences]
    states = [r.embed(ids, at) for r, ids, at in zip(references, sequences, places, strict=True)]
    for n in range(checkpoint.architecture.layers):
        states = [r.layer(n, x, at) for r, x, at in zip(references, states, places, strict=True)]
        for reference in references:
            reference.reset()
        yield n
    return states
