"""How a checkpoint writes its weights, and the way from there to ours (models/checkpoint/architecture.py)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from models.checkpoint.architecture import Architecture
from models.checkpoint.weights import Lazy
from models.errors import SourceError
from models.tflite.graph import Array

Fused = Literal["stacked", "by group", "in four blocks"]
"""Queries, keys and values in one matrix: one after another; of each key head its queries, key and value; or
in four blocks of queries, values and keys."""

NORMS = ("norm1", "norm2", "post1", "post2", "q_norm", "k_norm", "final_norm", "embedding_norm")


@dataclass(frozen=True, slots=True)
class Layout:
    """What is undone at reading.

    Attributes:
        gain: Added to what is stored as a norm's gain.
        fused: Of a matrix `qkv`.
        transposed: Whether a layer's matrices are [in, out].
        head_order: For each row of one of our heads its place in theirs; empty where they are the same.
        embedding, residual, logits: Factors of embedded tokens, of what a layer adds, and of the logits.
        first_position: Row of the table of positions that belongs to the first token.
        tied: Whether the head is the embedding, whatever is stored.
    """

    gain: float = 0.0
    fused: Fused = "stacked"
    transposed: bool = False
    head_order: tuple[int, ...] = field(default=(), repr=False)
    embedding: float = 1.0
    residual: float = 1.0
    logits: float = 1.0
    first_position: int = 0
    tied: bool = False


def head_order(head_size: int, turned: int, *, interleaved: bool) -> tuple[int, ...]:
    """Places of a head's rows, its first `turned` rotated, so that the halves of ours are pairs.

    Args:
        head_size: Rows of a head, an even number.
        turned: Rows that positions rotate, an even number.
        interleaved: Whether rows 2i and 2i + 1 are a pair; else i and i + turned / 2 are.
    """
    rows = range(turned)
    left = [*rows[0::2]] if interleaved else [*rows[: turned // 2]]
    right = [*rows[1::2]] if interleaved else [*rows[turned // 2 :]]
    still = [*range(turned, head_size)]
    half = len(still) // 2
    order = (*left, *still[:half], *right, *still[half:])
    return () if order == tuple(range(head_size)) else order


def arrange(path: Path, arch: Architecture, layout: Layout, stored: Mapping[str, Lazy]) -> dict[str, Lazy]:
    """Our weights from those that are stored, by our names or `N.qkv`, `N.gate_up`.

    Raises:
        SourceError: A fused matrix has not the rows that its parts need.
    """
    found = dict(stored)
    if layout.tied:
        found.pop("head", None)
        found.pop("head.bias", None)
    for name in [*found]:
        if layout.transposed and len(found[name].shape) == 2 and name.split(".")[0].isdigit():
            _put(found, name, tuple(reversed(found[name].shape)), lambda w: np.ascontiguousarray(w.T))
    for n in range(arch.layers):
        for suffix in ("", ".bias"):
            _split(path, arch, layout, found, n, suffix)
        _fill_biases(arch, found, n)
    for name in [*found]:
        part = name.removesuffix(".bias").split(".")[-1]
        if layout.gain and part in NORMS and not name.endswith(".bias"):
            _put(found, name, found[name].shape, lambda w: w + np.float32(layout.gain))
        if part in ("q_norm", "k_norm"):
            _put(found, name, (int(np.prod(found[name].shape)),), lambda w: w.reshape(-1))
        if layout.head_order and part in ("q", "k", "q_norm", "k_norm"):
            _put(found, name, found[name].shape, lambda w: _reordered(w, layout.head_order))
    if layout.first_position and "positions" in found:
        rows, width = found["positions"].shape
        _put(found, "positions", (rows - layout.first_position, width), lambda w: w[layout.first_position :])
    _scale(arch, layout, found)
    return found


def _put(found: dict[str, Lazy], name: str, shape: tuple[int, ...], change: Callable[[Array], Array]) -> None:
    old = found[name]
    found[name] = Lazy(shape, lambda: change(old.make()))


def _reordered(rows: Array, order: tuple[int, ...]) -> Array:
    heads = rows.reshape(-1, len(order), *rows.shape[1:])
    return heads[:, order].reshape(rows.shape)


def _split(
    path: Path, arch: Architecture, layout: Layout, found: dict[str, Lazy], n: int, suffix: str
) -> None:
    """Take fused matrices, or their biases, apart."""
    qkv, gate_up = found.pop(f"{n}.qkv{suffix}", None), found.pop(f"{n}.gate_up{suffix}", None)
    if qkv is not None:
        q, kv = arch.heads * arch.head_size, arch.kv_heads * arch.head_size
        if qkv.shape[0] != q + 2 * kv:
            raise SourceError(f"{path}: {n}.qkv{suffix} has {qkv.shape[0]} rows, expected {q + 2 * kv}")
        for place, (part, rows) in enumerate({"q": q, "k": kv, "v": kv}.items()):
            found[f"{n}.{part}{suffix}"] = Lazy(
                (rows, *qkv.shape[1:]), partial(_part, arch, layout, qkv, place)
            )
    if gate_up is not None:
        half = gate_up.shape[0] // 2
        for part, begin in (("gate", 0), ("up", half)):
            shape = (half, *gate_up.shape[1:])
            found[f"{n}.{part}{suffix}"] = Lazy(shape, partial(_rows, gate_up, begin, begin + half))


def _rows(whole: Lazy, begin: int, end: int) -> Array:
    return whole.make()[begin:end]


def _part(arch: Architecture, layout: Layout, whole: Lazy, place: int) -> Array:
    """Queries, keys or values out of the rows of all."""
    rows = whole.make()
    rest = rows.shape[1:]
    if layout.fused == "stacked":
        q, kv = arch.heads * arch.head_size, arch.kv_heads * arch.head_size
        parts = np.split(rows, [q, q + kv])
    elif layout.fused == "by group":
        groups = rows.reshape(arch.kv_heads, arch.group + 2, arch.head_size, *rest)
        parts = [groups[:, :-2], groups[:, -2], groups[:, -1]]
    else:
        queries, values, keys = rows.reshape(4, 3, -1, *rest).swapaxes(0, 1)
        parts = [queries, keys, values]
    return np.ascontiguousarray(parts[place].reshape(-1, *rest))


def _fill_biases(arch: Architecture, found: dict[str, Lazy], n: int) -> None:
    """Queries, keys and values have biases together, since one product makes them."""
    names = [f"{n}.{part}.bias" for part in ("q", "k", "v")]
    if any(name in found for name in names):
        for name, heads in zip(names, (arch.heads, arch.kv_heads, arch.kv_heads), strict=True):
            shape = (heads * arch.head_size,)
            found.setdefault(name, Lazy(shape, partial(np.zeros, shape, np.float32)))


def _scale(arch: Architecture, layout: Layout, found: dict[str, Lazy]) -> None:
    """Fold the factors into weights; a tied head takes the embedding's back in the last norm."""
    ones = Lazy((arch.width,), lambda: np.ones(arch.width, np.float32))
    tied = "head" not in found
    factors = {"embedding": layout.embedding, "head.bias": layout.logits}
    last = layout.logits / (layout.embedding if tied else 1.0)
    factors |= {"final_norm": last, "final_norm.bias": last}
    if last != 1:
        found.setdefault("final_norm", ones)
    for n in range(arch.layers):
        for name in ("post1", "post2") if arch.post_norm else ("o", "down"):
            factors |= {f"{n}.{name}": layout.residual, f"{n}.{name}.bias": layout.residual}
        if arch.head_norm:
            for part in ("q_norm", "k_norm"):
                found.setdefault(f"{n}.{part}", _head_gain(arch))
    for name in factors.keys() & found.keys():
        if factors[name] != 1:
            _put(found, name, found[name].shape, partial(operator.mul, factors[name]))


def _head_gain(arch: Architecture) -> Lazy:
    return Lazy((arch.head_size,), lambda: np.ones(arch.head_size, np.float32))
