"""What the scheduler asks of a runtime: two calls, whatever library makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.engine.kv.arrays import Floats, Ints
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry
from app.model.shape import LANES, MASKED, ModelShape


class Runner(Protocol):
    """A loaded model."""

    @property
    def exact(self) -> bool:
        """Whether a token's logits are equal bit for bit in whatever call they are computed."""
        ...

    @property
    def shape(self) -> ModelShape:
        """Sizes of the decoder."""
        ...

    def prefill(self, entry: Entry, tokens: Ints, rows: Sequence[int]) -> Floats:
        """Compute `tokens` after the entry's, extend the entry, return the logits [R, V] of the given rows.

        The logits are valid until the next call.
        """
        ...

    def decode(self, cache: DecodeCache, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        """One token of each of the cache's first B sequences: store keys and values, return logits [B, V].

        The logits are valid until the next call.
        """
        ...

    def extend(self, cache: DecodeCache, tokens: Sequence[int], position: int) -> Drafted:
        """T tokens of the cache's first sequence from a position on, in one call; none is stored yet."""
        ...


@dataclass(frozen=True, slots=True)
class Drafted:
    """What was computed for tokens that may not stay: logits [T, V]; rows [2L, T, KV, HD], keys, then values.

    Valid until the next call; whoever accepts tokens stores their rows.
    """

    logits: Floats
    rows: Floats


@dataclass(frozen=True, slots=True)
class PrefillInputs:
    """The small inputs of signatures `start` and `prefill` (models/graphs/decoder.py)."""

    tokens: Ints
    positions: Ints
    rows: Ints
    mask: Floats
    zeros: Floats


def prefill_inputs(shape: ModelShape, start: int, tokens: Ints, rows: Sequence[int]) -> PrefillInputs:
    """For T tokens after P = start: mask [1, T * G, N], zeros [Z, KV, HD].

    A call has two tokens at least; one that is alone comes twice, and the second counts for nothing.
    """
    tokens = np.resize(tokens, max(len(tokens), 2)).astype(np.int32)
    positions = np.arange(start, start + len(tokens), dtype=np.int32).clip(max=shape.sequence_length - 1)
    older = start + len(tokens) - 1
    padding = LANES - older % LANES
    seen = np.arange(older + padding) < positions[:, None]
    mask = np.where(seen, np.float32(0), np.float32(MASKED)).repeat(shape.group, axis=0)[None]
    zeros = np.zeros((padding, shape.kv_heads, shape.head_size), np.float32)
    return PrefillInputs(tokens, positions, np.asarray(rows, np.int32), mask, zeros)


@dataclass(frozen=True, slots=True)
class ExtendInputs:
    """The small inputs of signature `extend` (models/graphs/decoder.py): T tokens after P in a cache of S."""

    positions: Ints
    place: Floats
    mask: Floats


def extend_inputs(shape: ModelShape, start: int, count: int, length: int) -> ExtendInputs:
    """Positions [T], place [1, T, S] and mask [1, T * G, S] for T = count tokens after P = start."""
    order = np.arange(length)
    positions = np.arange(start, start + count, dtype=np.int32)
    place = (order == positions[:, None]).astype(np.float32)[None]
    mask = np.where(order < positions[:, None], np.float32(0), np.float32(MASKED))
    return ExtendInputs(positions, place, mask.repeat(shape.group, axis=0)[None])


def decode_mask(mask: Floats, positions: Sequence[int]) -> None:
    """Fill mask [B, 1, 1, S] in place: a sequence sees the places before its position."""
    mask[:] = MASKED
    for row, position in zip(mask, positions, strict=True):
        row[..., :position] = 0.0
