"""Number formats of the matrices: from float32 rows to integers and scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.graph import Array, Quantized

Dtype = Literal["float32", "float16", "int8", "int4"]

LEVELS = {"int8": 127, "int4": 7}

DAMPING = 0.01
"""Added to the Gram matrix's diagonal, as a share of its mean: what was never seen may still come."""

NEAR, FAR = 32, 256
"""Inputs after which the rest of a near block, or of the whole matrix, is corrected (a matter of speed)."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """How matrices are stored.

    Attributes:
        dtype: `float32`, `float16`, `int8` or `int4`.
        table_dtype: Of the embedding, which is the logits' matrix too where they are tied.
        classic: Keeps to what tflite-runtime 2.14 knows: constants with one scale, which is 1, and products
            that are multiplied by the rows' scales afterwards; no GATHER of float16.
    """

    dtype: Dtype
    table_dtype: Dtype
    classic: bool = False

    @property
    def integer(self) -> bool:
        """Whether the layers' matrices are rounded to integers."""
        return self.dtype in LEVELS


def quantize_matrix(key: str, weight: Array, dtype: Dtype) -> Quantized:
    """Symmetric rounding to nearest of weight [out, in]; scales are float32 [out]."""
    levels, scales = LEVELS[dtype], _scales(weight, dtype)
    values = np.clip(np.rint(weight / scales), -levels, levels).astype(np.int8)
    return Quantized(key, values, scales.reshape(-1), dtype)


@dataclass(frozen=True, slots=True)
class Rounding:
    """Rounding that makes an input's error good at the inputs after it (GPTQ, Frantar et al., 2023).

    Attributes:
        carry: [in, in], upper triangle: how much of an error at input i is made good at input j > i.
    """

    carry: Array

    @classmethod
    def of(cls, gram: Array) -> Rounding:
        """The rounding that changes least for inputs X with gram = X^T X [in, in]."""
        damped = gram + DAMPING * gram.diagonal().mean() * np.eye(len(gram), dtype=gram.dtype)
        # damped = A A^T with A upper triangular: inverse(A) is GPTQ's factor of the inverse Hessian.
        upper = np.linalg.cholesky(damped[::-1, ::-1].astype(np.float64))[::-1, ::-1]
        factor = np.linalg.inv(upper)
        return cls((factor / factor.diagonal()[:, None]).astype(np.float32))

    def quantize(self, key: str, weight: Array, dtype: Dtype) -> Quantized:
        """As `quantize_matrix`, with the same scales."""
        levels, scales = LEVELS[dtype], _scales(weight, dtype)
        rest = np.ascontiguousarray((weight / scales).T)  # [in, out], in steps
        values = np.empty(rest.shape, np.float32)
        for far in range(0, len(rest), FAR):
            far_end = min(far + FAR, len(rest))
            for near in range(far, far_end, NEAR):
                near_end = min(near + NEAR, far_end)
                for i in range(near, near_end):
                    np.clip(np.rint(rest[i]), -levels, levels, out=values[i])
                    rest[i] -= values[i]  # from here on the error
                    rest[i + 1 : near_end] -= self.carry[i, i + 1 : near_end, None] * rest[i]
                rest[near_end:far_end] -= self.carry[near:near_end, near_end:far_end].T @ rest[near:near_end]
            rest[far_end:] -= self.carry[far:far_end, far_end:].T @ rest[far:far_end]
        return Quantized(key, values.T.astype(np.int8), scales.reshape(-1), dtype)


def _scales(weight: Array, dtype: Dtype) -> Array:
    """A row's largest value is the last level: float32 [out, 1]."""
    largest = np.abs(weight).max(axis=1, keepdims=True)
    scales: Array = np.maximum(largest / LEVELS[dtype], np.finfo(np.float32).tiny).astype(np.float32)
    return scales
