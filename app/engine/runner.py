"""What the scheduler asks of a runtime: two calls, whatever library makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from app.engine.cache import DecodeCache
from app.engine.memory import Floats
from app.engine.prefix import Entry
from app.engine.shape import LANES, MASKED, ModelShape

Ints = npt.NDArray[np.int32]


class Runner(Protocol):
    """A loaded model."""

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


@dataclass(frozen=True, slots=True)
class PrefillInputs:
    """The small inputs of signature `prefill` (models/decoder.py) for T tokens after P."""

    positions: Ints
    mask: Floats
    zeros: Floats


def prefill_inputs(shape: ModelShape, start: int, count: int) -> PrefillInputs:
    """Positions [T], mask [1, T * G, N] and zeros [Z, KV, HD] for T = count tokens after P = start."""
    blank = 0 if start else LANES  # places of zeros that stand for an empty cache
    padding = LANES - (start + count) % LANES
    order = np.arange(-blank, start + count + padding)  # the position that each place holds
    positions = np.arange(start, start + count, dtype=np.int32)
    seen = (order >= 0) & (order < positions[:, None])
    mask = np.where(seen, np.float32(0), np.float32(MASKED)).repeat(shape.group, axis=0)[None]
    return PrefillInputs(positions, mask, np.zeros((padding, shape.kv_heads, shape.head_size), np.float32))


def decode_mask(mask: Floats, positions: Sequence[int]) -> None:
    """Fill mask [B, 1, 1, S] in place: a sequence sees the places before its position."""
    mask[:] = MASKED
    for row, position in zip(mask, positions, strict=True):
        row[..., :position] = 0.0
