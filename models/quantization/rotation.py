"""Rewrites a checkpoint in a basis in which 8-bit numbers lose less; what it computes stays the same.

A hidden state has a few dimensions far larger than the others, and one scale has to span them all. An
orthogonal matrix spreads them evenly, and it costs nothing at run time where the weights before and after
absorb it (QuaRot, Ashkboos et al., 2024): in the hidden state, because RMS norm is blind to a rotation once
its gain has moved into the next matrices; in each value head. LayerNorm is RMS norm of a hidden state whose
mean has been taken out of all that is added to it (SliceGPT, Ashkboos et al., 2024). Only the input of the
down projection, behind a product or a GELU, is rotated at run time, in small blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import gcd

import numpy as np

from models.checkpoint.architecture import Architecture, Checkpoint
from models.tflite.graph import Array

DOWN_BLOCK = 64
"""Most dimensions of the down projection's input that are mixed with each other."""


def rotate(checkpoint: Checkpoint) -> Checkpoint:
    """The same function without norm gains, with the weights `down_mix` and, for a tied head, `head_mix`.

    Its norm is `rms` whatever it was; an embedding below a LayerNorm gets `mean`.
    """
    arch, weights = checkpoint.architecture, dict(checkpoint.weights)
    turn = spread(arch.width)
    _rotate_ends(arch, weights, turn)
    into = turn.T if arch.norm == "rms" else _without_mean(turn).T
    mix = spread(gcd(arch.hidden, DOWN_BLOCK))
    weights["down_mix"] = np.ascontiguousarray(mix.T)
    for n in range(arch.layers):
        _turn_inputs(weights, f"{n}.norm1", [f"{n}.q", f"{n}.k", f"{n}.v"], turn)
        _turn_inputs(weights, f"{n}.norm2", [f"{n}.up", *[f"{n}.gate"] * (arch.mlp == "swiglu")], turn)
        _turn_values(arch, weights, n)
        weights[f"{n}.down"] = _by_block(weights[f"{n}.down"], mix)
        for name in (f"{n}.o", f"{n}.down"):
            weights[name] = into @ weights[name]
            if f"{name}.bias" in weights:
                weights[f"{name}.bias"] = into @ weights[f"{name}.bias"]
    return replace(checkpoint, architecture=replace(arch, norm="rms"), weights=weights)


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


def _rotate_ends(arch: Architecture, weights: dict[str, Array], turn: Array) -> None:
    """Embedding, positions, final norm and logits."""
    gain, bias = weights.pop("final_norm"), weights.pop("final_norm.bias", None)
    weights["embedding"] = weights["embedding"] @ turn
    if arch.norm == "layer":
        weights["mean"] = turn.mean(0) * np.float32(np.sqrt(arch.width))  # [D], of length 1
    if "positions" in weights:
        weights["positions"] = weights["positions"] @ (turn if arch.norm == "rms" else _without_mean(turn))
    if "head" in weights:
        if bias is not None:
            weights["head.bias"] = weights.get("head.bias", np.float32(0)) + weights["head"] @ bias
        weights["head"] = (weights["head"] * gain) @ turn
    else:
        weights["head_mix"] = (turn.T * gain) @ turn
        if bias is not None:
            weights["head_mix.bias"] = bias @ turn


def _turn_inputs(weights: dict[str, Array], norm: str, names: Sequence[str], turn: Array) -> None:
    """Matrices behind a norm take its gain and bias, and the hidden state in the new basis."""
    gain, bias = weights.pop(norm), weights.pop(f"{norm}.bias", None)
    for name in names:
        if bias is not None:
            weights[f"{name}.bias"] = weights.get(f"{name}.bias", np.float32(0)) + weights[name] @ bias
        weights[name] = (weights[name] * gain) @ turn


def _turn_values(arch: Architecture, weights: dict[str, Array], n: int) -> None:
    """Each value head in a new basis, and the output projection, which reads it."""
    turn = spread(arch.head_size)
    heads = weights[f"{n}.v"].reshape(arch.kv_heads, arch.head_size, -1)
    weights[f"{n}.v"] = (turn.T @ heads).reshape(weights[f"{n}.v"].shape)
    if f"{n}.v.bias" in weights:
        weights[f"{n}.v.bias"] = (weights[f"{n}.v.bias"].reshape(-1, arch.head_size) @ turn).reshape(-1)
    weights[f"{n}.o"] = _by_block(weights[f"{n}.o"], turn)


def _by_block(matrix: Array, turn: Array) -> Array:
    """Columns of matrix [out, in], taken in blocks, in the basis of `turn` [block, block]."""
    blocks = matrix.reshape(len(matrix), -1, len(turn))
    result: Array = (blocks @ turn).reshape(matrix.shape)
    return result
