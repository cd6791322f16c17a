"""Number formats of the matrices: from float32 rows to integers and scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.errors import BuildError
from models.tflite.graph import Array, Quantized

Dtype = Literal["float32", "float16", "int8", "int4"]

LEVELS = {"int8": 127, "int4": 7}

DAMPING = 0.01
"""Added to the Gram matrix's diagonal, as a share of its mean: what was never seen may still come."""

SHARES = np.linspace(0.7, 1.0, 13)
"""Of the largest value, tried as int4's last level; the least squared error wins. On int8 none won."""

ROWS = 4096
"""Rows that are rounded together."""

LARGE, SMALL = 2048, 128
"""Rows from which on a triangle is inverted by its halves, and down to which."""

NEAR, FAR = 32, 256
"""Inputs after which the rest of a near block, or of the whole matrix, is corrected (a matter of speed)."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """How matrices are stored.

    Attributes:
        dtype: `float32`, `float16`, `int8` or `int4`.
        table_dtype: Of the embedding, which is the logits' matrix too where they are tied.
        block: Values of a row that share a scale; 0 for the whole row. The table's rows have one.
        fixed: Whether activations have scales in the file (models/quantization/activation_ranges.py) where
            little is lost by it.
        classic: Keeps to what tflite-runtime 2.14 knows: constants with one scale, which is 1, and products
            that are multiplied by the rows' scales afterwards; no GATHER of float16.
    """

    dtype: Dtype
    table_dtype: Dtype
    block: int = 0
    fixed: bool = False
    classic: bool = False

    @property
    def integer(self) -> bool:
        """Whether the layers' matrices are rounded to integers."""
        return self.dtype in LEVELS


@dataclass(frozen=True, slots=True)
class Ranges:
    """What one level of an int8 activation is worth.

    Attributes:
        input: Of the matrix's input, one number for all its dimensions.
        products: Of each product, float32 [out].
    """

    input: float
    products: Array


def quantize_matrix(key: str, weight: Array, dtype: Dtype, block: int = 0) -> Quantized:
    """Symmetric rounding to nearest of weight [out, in].

    Args:
        key: Names the constant.
        weight: float32 [out, in].
        dtype: int8 or int4.
        block: Values of a row that share a scale; 0 for the whole row.

    Raises:
        BuildError: A block has a scale that is no float16 number; the message names the constant.
    """
    scales, values = _scales(key, weight, dtype, block), np.empty(weight.shape, np.int8)
    for start in range(0, len(weight), ROWS):  # a vocabulary's rows at once would take four times their bytes
        rows = slice(start, start + ROWS)
        values[rows] = _round(weight[rows] / _spread(scales[rows], weight.shape[1]), dtype)
    return Quantized(key, values, scales if block else scales[:, 0], dtype)


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
        # In memory order, because NumPy multiplies a reversed view without BLAS: forty times as long.
        factor = _halved(np.ascontiguousarray(upper)) if len(upper) > LARGE else np.linalg.inv(upper)
        return cls((factor / factor.diagonal()[:, None]).astype(np.float32))

    def quantize(self, key: str, weight: Array, dtype: Dtype, block: int = 0) -> Quantized:
        """As `quantize_matrix`, with the same scales."""
        scales = _scales(key, weight, dtype, block)
        steps = np.ascontiguousarray(_spread(scales, weight.shape[1]).T)  # [in, out]
        rest, values = weight.T.copy("C"), np.empty(steps.shape, np.float32)
        for far in range(0, len(rest), FAR):
            far_end = min(far + FAR, len(rest))
            for near in range(far, far_end, NEAR):
                near_end = min(near + NEAR, far_end)
                for i in range(near, near_end):
                    values[i] = _round(rest[i] / steps[i], dtype)
                    rest[i] -= values[i] * steps[i]  # from here on the error
                    rest[i + 1 : near_end] -= self.carry[i, i + 1 : near_end, None] * rest[i]
                rest[near_end:far_end] -= self.carry[near:near_end, near_end:far_end].T @ rest[near:near_end]
            rest[far_end:] -= self.carry[far:far_end, far_end:].T @ rest[far:far_end]
        return Quantized(key, values.T.astype(np.int8), scales if block else scales[:, 0], dtype)


def _halved(upper: Array) -> Array:
    """Inverse of an upper triangle [n, n] by its halves, in a third of the operations."""
    if len(upper) <= SMALL:
        found: Array = np.linalg.inv(upper)
        return found
    half = len(upper) // 2
    found = np.zeros_like(upper)
    first, last = _halved(upper[:half, :half]), _halved(upper[half:, half:])
    found[:half, :half], found[half:, half:] = first, last
    found[:half, half:] = -first @ upper[:half, half:] @ last
    return found


def _round(steps: Array, dtype: Dtype) -> Array:
    result: Array = np.clip(np.rint(steps), -LEVELS[dtype], LEVELS[dtype])
    return result


def _spread(scales: Array, size: int) -> Array:
    """The scale of each value of a row: [out, blocks] to [out, size]."""
    return scales.repeat(size // scales.shape[1], axis=1)


def half(key: str, values: Array) -> Array:
    """The values as float16.

    Raises:
        BuildError: One is not finite in float16; the message names the constant and the value.
    """
    with np.errstate(over="ignore"):
        found: Array = values.astype(np.float16)
    if not np.isfinite(found).all():
        largest = values[~np.isfinite(found)][0]
        raise BuildError(f"{key}: {largest:.6g} is no float16 number, whose largest is 65504")
    return found


def _scales(key: str, weight: Array, dtype: Dtype, block: int) -> Array:
    """What one level is worth: float32 [out, blocks], exact in float16 where there are several blocks."""
    blocks = weight.reshape(len(weight), -1, block or weight.shape[1])
    largest = np.maximum(blocks.max(axis=2, keepdims=True), -blocks.min(axis=2, keepdims=True))
    if dtype == "int8":
        best = _representable(key, largest / LEVELS[dtype], block)
        return best[:, :, 0]
    best, least = largest, np.full_like(largest, np.inf)
    for share in SHARES:
        scales = _representable(key, largest * np.float32(share / LEVELS[dtype]), block)
        error = np.square(blocks - _round(blocks / scales, dtype) * scales).sum(2, keepdims=True)
        best, least = np.where(error < least, scales, best), np.minimum(error, least)
    return best[:, :, 0]


def _representable(key: str, scales: Array, block: int) -> Array:
    """Not zero, and a float16 number where the file holds it as one."""
    if block:
        smallest = np.finfo(np.float16).smallest_subnormal
        return half(f"{key}, scale of a block", np.maximum(scales, smallest)).astype(np.float32)
    return np.maximum(scales, np.finfo(np.float32).tiny)
