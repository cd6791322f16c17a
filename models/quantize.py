"""Number formats of the matrices: from float32 rows to integers and scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.graph import Array, Quantized

LEVELS = {"int8": 127, "int4": 7}


@dataclass(frozen=True, slots=True)
class Scheme:
    """How matrices are stored.

    Attributes:
        dtype: `float32`, `float16`, `int8` or `int4`.
        granularity: One scale for each output `channel`, or one for the whole `tensor`.
    """

    dtype: Literal["float32", "float16", "int8", "int4"]
    granularity: Literal["channel", "tensor"] = "channel"

    @property
    def joinable(self) -> bool:
        """Whether matrices may be stacked without sharing a scale."""
        return self.granularity == "channel"


def quantize_matrix(key: str, weight: Array, scheme: Scheme) -> Quantized:
    """Symmetric rounding to nearest of weight [out, in]; scales are float32 [out] or [1]."""
    levels = LEVELS[scheme.dtype]
    largest = np.abs(weight).max(axis=1 if scheme.granularity == "channel" else None, keepdims=True)
    scales = np.maximum(largest / levels, np.finfo(np.float32).tiny).astype(np.float32)
    values = np.clip(np.rint(weight / scales), -levels, levels).astype(np.int8)
    return Quantized(key, values, scales.reshape(-1), scheme.dtype)
