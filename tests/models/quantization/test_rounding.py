from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.errors import BuildError
from models.quantization.rounding import LEVELS, Dtype, Rounding, half, quantize_matrix
from models.tflite.graph import Array


def matrix(numbers: int, rows: int, columns: int) -> Array:
    rng = np.random.Generator(np.random.PCG64(numbers))
    spread = np.exp(3 * rng.standard_normal((rows, 1), np.float32))
    weight: Array = rng.standard_normal((rows, columns), np.float32) * spread
    return weight


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9))
def test_every_value_is_the_nearest_level_and_the_largest_is_kept(
    numbers: int, rows: int, columns: int
) -> None:
    weight = matrix(numbers, rows, columns)
    found = quantize_matrix("w", weight, "int8")
    assert (found.key, found.dtype) == ("w", "int8")
    assert (found.values.dtype.name, found.values.shape) == ("int8", weight.shape)
    assert (found.scales.dtype.name, found.scales.shape) == ("float32", (rows,))
    assert (np.abs(found.values).max(1) == 127).all()
    error = np.abs(found.values * found.scales[:, None] - weight)
    assert (error <= found.scales[:, None] * (0.5 + 1e-4)).all()


@given(st.integers(0, 2**32), st.integers(1, 9), st.sampled_from([0, 32]))
def test_four_bits_lose_no_more_than_with_the_whole_range(numbers: int, rows: int, block: int) -> None:
    weight = matrix(numbers, rows, 64)
    assume(not block or np.abs(weight).max() <= 7 * 65504)
    found = quantize_matrix("w", weight, "int4", block)
    assert found.scales.shape == ((rows, 2) if block else (rows,))
    assert np.abs(found.values).max() <= 7
    blocks = weight.reshape(rows, -1, block or 64)
    scales = np.abs(blocks).max(2, keepdims=True) / 7
    if block:
        scales = scales.astype(np.float16).astype(np.float32)
    least = np.square(np.rint(blocks / scales) * scales - blocks).sum()
    stored = found.values.reshape(blocks.shape) * found.scales.reshape(rows, -1, 1)
    assert np.square(stored - blocks).sum() <= least * 1.001


def test_a_value_too_large_for_a_blocks_scale_is_refused_and_the_constant_named() -> None:
    weight = matrix(76793, 6, 64)  # the last row reaches 1.26e6
    with pytest.raises(BuildError, match=r"^w, scale of a block: \d+ is no float16 number, whose largest"):
        quantize_matrix("w", weight, "int4", 32)
    assert np.isfinite(quantize_matrix("w", weight, "int4").scales).all()


def test_a_block_of_tiny_values_uses_all_levels() -> None:
    weight = matrix(1, 1, 64)
    weight *= 2e-5 / np.abs(weight).max()  # a level is worth less than float16's smallest normal number
    found = quantize_matrix("w", weight, "int4", 32)
    assert np.abs(found.values).reshape(2, 32).max(1).tolist() == [7, 7]


def test_a_block_of_zeros_stays_one() -> None:
    found = quantize_matrix("w", np.zeros((1, 64), np.float32), "int4", 32)
    assert not found.values.any()
    assert (found.scales > 0).all()


def test_a_weight_beyond_half_precision_is_refused_and_the_constant_named() -> None:
    assert half("w", np.array([65504, -65504, 6e-8], np.float32)).dtype == np.float16
    with pytest.raises(BuildError, match=r"^w: 65520 is no float16 number, whose largest is 65504$"):
        half("w", np.array([1, 65520], np.float32))


def test_scales_of_blocks_are_exact_in_half_precision() -> None:
    scales = quantize_matrix("w", matrix(1, 4, 64), "int4", 32).scales
    assert np.array_equal(scales, scales.astype(np.float16).astype(np.float32))


def test_scales_per_channel_are_the_rows_own() -> None:
    weight = np.array([[127, -1], [0.5, -1.27]], np.float32)
    found = quantize_matrix("w", weight, "int8")
    assert found.scales.tolist() == pytest.approx([1.0, 0.01])
    assert found.values.tolist() == [[127, -1], [50, -127]]


def test_a_row_of_zeros_stays_one() -> None:
    found = quantize_matrix("w", np.zeros((2, 3), np.float32), "int8")
    assert not found.values.any()
    assert np.isfinite(found.scales).all()
    assert (found.scales > 0).all()


@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from(["int8", "int4"]))
def test_inputs_that_tell_nothing_are_rounded_to_nearest(numbers: int, columns: int, dtype: Dtype) -> None:
    weight = matrix(numbers, 5, columns)
    kept = weight.copy()
    found = Rounding.of(np.eye(columns, dtype=np.float32)).quantize("w", weight, dtype)
    nearest = quantize_matrix("w", weight, dtype)
    assert np.array_equal(found.values, nearest.values)
    assert np.array_equal(found.scales, nearest.scales)
    assert (found.key, found.dtype) == ("w", dtype)
    assert np.array_equal(weight, kept)


@pytest.mark.parametrize("dtype", ["int8", "int4"])
@pytest.mark.parametrize("columns", [31, 300])
def test_products_with_the_inputs_that_were_seen_change_less(dtype: Dtype, columns: int) -> None:
    rng = np.random.Generator(np.random.PCG64(columns))
    inputs = rng.standard_normal((2000, 8), np.float32) @ rng.standard_normal((8, columns), np.float32)
    inputs += 0.1 * rng.standard_normal(inputs.shape, np.float32)
    weight = matrix(1, 20, columns)
    compensated = Rounding.of(inputs.T @ inputs).quantize("w", weight, dtype)
    errors = [
        np.square(inputs @ (found.values * found.scales[:, None] - weight).T).sum(0)
        for found in (compensated, quantize_matrix("w", weight, dtype))
    ]
    assert errors[0].sum() < 0.5 * errors[1].sum()
    assert (errors[0] < errors[1]).mean() >= 0.9
    assert np.abs(compensated.values).max() <= LEVELS[dtype]


@pytest.mark.parametrize("columns", [9, 32, 37])
def test_a_large_triangle_is_inverted_by_its_halves(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = matrix(2, 80, columns)
    whole = Rounding.of(rows.T @ rows)
    monkeypatch.setattr("models.quantization.rounding.LARGE", 8)
    monkeypatch.setattr("models.quantization.rounding.SMALL", 4)
    assert np.allclose(Rounding.of(rows.T @ rows).carry, whole.carry, rtol=1e-5, atol=1e-6)
    assert np.array_equal(whole.carry, np.triu(whole.carry))
