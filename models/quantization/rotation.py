"""Rewrites a checkpoint in a basis in which 8-bit numbers lose less; what it computes stays the same.

A hidden state has a few dimensions far larger than the others, and one scale has to span them all. An
orthogonal matrix spreads them evenly, and it costs nothing at run time where the weights before and after
absorb it (QuaRot, Ashkboos et al., 2024): in the hidden state, because RMS norm is blind to a rotation once
its gain has moved into the next matrices; in each value head. LayerNorm is RMS norm of a hidden state whose
mean has been taken out of all that is added to it (SliceGPT, Ashkboos et al., 2024). Only the input of the
down projection, behind a product or a GELU, is rotated at run time, in small blocks.

Where a norm stands behind attention or MLP, its gain cannot move into a next matrix, and the hidden state
stays as it is; only the tables of embedding and logits are rotated, with a product behind and before them
(models/quantization/scale_migration.py does the rest there).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from math import gcd

import numpy as np

from models.checkpoint.architecture import Architecture, Checkpoint
from models.checkpoint.weights import Lazy, Weights, lazy
from models.tflite.graph import Array

DOWN_BLOCK = 64
"""Most dimensions of the down projection's input that are mixed with each other."""


def rotate(checkpoint: Checkpoint) -> Checkpoint:
    """The same function in another basis, with `down_mix` and perhaps `head_mix` and `embedding_mix`.

    Where the hidden state is turned, norms before attention and MLP lose their gains, `norm` is `rms`
    whatever it was, and an embedding below a LayerNorm gets `mean`. Each weight is made when it is asked for.
    """
    arch, weights = checkpoint.architecture, _Rewriting(checkpoint.weights)
    if turns_hidden(checkpoint):
        _turn_hidden(arch, weights)
    else:
        _turn_tables(arch, weights)
    mix = spread(gcd(arch.hidden, DOWN_BLOCK))
    weights.add("down_mix", np.ascontiguousarray(mix.T))
    for n in range(arch.layers):
        _turn_values(arch, weights, n)
        weights.change(f"{n}.down", lambda w: _by_block(w, mix))
    if turns_hidden(checkpoint):
        _turn_outputs(arch, weights)
        arch = replace(arch, norm="rms")
    return replace(checkpoint, architecture=arch, weights=Weights(weights.entries))


def turns_hidden(checkpoint: Checkpoint) -> bool:
    """Whether gains stand only where the next matrices can take them."""
    arch = checkpoint.architecture
    return arch.pre_norm and not arch.post_norm and "embedding_norm" not in checkpoint.weights


class _Rewriting:
    """Weights on their way: each change is put behind what makes the weight."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.entries = lazy(weights)

    def take(self, name: str) -> Array | None:
        """Remove a vector."""
        entry = self.entries.pop(name, None)
        return None if entry is None else entry.make()

    def add(self, name: str, values: Array) -> None:
        self.entries[name] = Lazy(values.shape, lambda: values)

    def change(self, name: str, change: Callable[[Array], Array]) -> None:
        """Put a weight, if it is there, through a function that keeps its shape."""
        if name in self.entries:
            old = self.entries[name]
            self.entries[name] = Lazy(old.shape, lambda: change(old.make()))

    def add_bias(self, name: str, bias: Array) -> None:
        """Give a matrix the bias that its product with a constant input makes."""
        matrix, old = self.entries[name], self.entries.get(f"{name}.bias")

        def make() -> Array:
            before = np.float32(0) if old is None else old.make()
            result: Array = before + matrix.make() @ bias
            return result

        self.entries[f"{name}.bias"] = Lazy(matrix.shape[:1], make)


def spread(size: int) -> Array:
    """An orthogonal matrix [size, size] that makes a row with one large element even: signs and a DCT-II."""
    frequency, place = np.arange(size)[:, None], np.arange(size)
    cosines = np.cos(np.pi / size * (place + 0.5) * frequency) * np.sqrt(2 / size)
    cosines[0] /= np.sqrt(2)
    signs = np.random.Generator(np.random.PCG64(size)).choice([-1.0, 1.0], size)
    matrix: Array = (signs[:, None] * cosines.T).astype(np.float32)
    return matrix


def _without_mean(turn: Array) -> Array:
    """`turn` after subtraction of a row's mean."""
    result: Array = turn - turn.mean(0)
    return result


def _turn_tables(arch: Architecture, weights: _Rewriting) -> None:
    """Embedding and logits' matrix, between a hidden state that is not turned."""
    turn = spread(arch.width)
    gain, bias = weights.take("final_norm"), weights.take("final_norm.bias")
    weights.change("embedding", lambda w: w @ turn)
    weights.add("embedding_mix", turn)
    weights.change("head", lambda w: w @ turn)
    weights.add("head_mix", np.ascontiguousarray(turn.T if gain is None else turn.T * gain))
    if bias is not None:
        weights.add("head_mix.bias", bias @ turn)


def _turn_hidden(arch: Architecture, weights: _Rewriting) -> None:
    """Embedding, positions, what reads the hidden state, final norm and logits."""
    turn = spread(arch.width)
    gain, bias = weights.take("final_norm"), weights.take("final_norm.bias")
    gain = np.ones(arch.width, np.float32) if gain is None else gain
    weights.change("embedding", lambda w: w @ turn)
    if arch.norm == "layer":
        weights.add("mean", turn.mean(0) * np.float32(np.sqrt(arch.width)))  # [D], of length 1
    weights.change("positions", lambda w: w @ (turn if arch.norm == "rms" else _without_mean(turn)))
    if "head" in weights.entries:
        _turn_input(weights, "head", gain, bias, turn)
    else:
        weights.add("head_mix", (turn.T * gain) @ turn)
        if bias is not None:
            weights.add("head_mix.bias", bias @ turn)
    readers = {"norm1": ("q", "k", "v"), "norm2": ("up", "gate") if arch.gated else ("up",)}
    for n, (norm, names) in product(range(arch.layers), readers.items()):
        gain, bias = weights.take(f"{n}.{norm}"), weights.take(f"{n}.{norm}.bias")
        for name in names:
            _turn_input(weights, f"{n}.{name}", gain, bias, turn)


def _turn_input(weights: _Rewriting, name: str, gain: Array | None, bias: Array | None, turn: Array) -> None:
    """A matrix behind a norm takes its gain and bias, and the hidden state in the new basis."""
    if bias is not None:
        weights.add_bias(name, bias)
    weights.change(name, lambda w: (w if gain is None else w * gain) @ turn)


def _turn_outputs(arch: Architecture, weights: _Rewriting) -> None:
    """What is added to the hidden state."""
    turn = spread(arch.width)
    into = turn.T if arch.norm == "rms" else _without_mean(turn).T
    for n, name in product(range(arch.layers), ("o", "down")):
        weights.change(f"{n}.{name}", lambda w: into @ w)
        weights.change(f"{n}.{name}.bias", lambda w: into @ w)


def _turn_values(arch: Architecture, weights: _Rewriting, n: int) -> None:
    """Each value head in a new basis, and the output projection, which reads it."""
    turn, size = spread(arch.head_size), arch.head_size
    weights.change(f"{n}.v", lambda w: (turn.T @ w.reshape(arch.kv_heads, size, -1)).reshape(w.shape))
    weights.change(f"{n}.v.bias", lambda w: (w.reshape(-1, size) @ turn).reshape(-1))
    weights.change(f"{n}.o", lambda w: _by_block(w, turn))


def _by_block(matrix: Array, turn: Array) -> Array:
    """Columns of matrix [out, in], taken in blocks, in the basis of `turn` [block, block]."""
    blocks = matrix.reshape(len(matrix), -1, len(turn))
    result: Array = (blocks @ turn).reshape(matrix.shape)
    return result
