from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.engine.kv.arrays import ALIGNMENT, aligned, float_zeros, give_back


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (2, 3, 4, 5)])
def test_zeros_have_the_shape_and_are_writable_and_aligned(shape: tuple[int, ...]) -> None:
    array = float_zeros(*shape)
    assert (array.shape, array.dtype.name) == (shape, "float32")
    assert not array.any()
    assert array.ctypes.data % ALIGNMENT == 0
    array[...] = 1
    assert not float_zeros(*shape).any()


def test_memory_is_taken_by_writing_and_given_back_with_the_array() -> None:
    size = 64 * 2**20
    before = resident_bytes()
    array = float_zeros(size // 4)
    assert resident_bytes() - before < size / 8
    array[:] = 1
    assert resident_bytes() - before > size * 7 / 8
    del array
    assert resident_bytes() - before < size / 8


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_what_was_given_back_reads_as_zeros(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", platform)
    array = float_zeros(3, 4)
    array[:] = 1
    give_back(array[1:])
    assert array.tolist() == np.zeros((3, 4)).tolist()


def test_an_aligned_array_is_itself() -> None:
    array = float_zeros(10)
    assert aligned(array) is array


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int8, np.int64])
@pytest.mark.parametrize("size", [0, 1, 5, 1000])
def test_any_other_array_is_copied_to_an_aligned_address(dtype: type[np.generic], size: int) -> None:
    raw = float_zeros(2 * size + 16).view(np.uint8)[4:]
    array = raw[: size * np.dtype(dtype).itemsize].view(dtype)
    array[:] = np.arange(size).astype(dtype)
    copy = aligned(array)
    assert copy.ctypes.data % ALIGNMENT == 0
    assert (copy.dtype, copy.tolist()) == (array.dtype, array.tolist())
    assert not np.shares_memory(copy, array)


def test_an_array_that_is_not_contiguous_is_copied() -> None:
    array = float_zeros(4, 16).T
    array[:] = np.arange(64).reshape(16, 4)
    copy = aligned(array)
    assert copy.flags.c_contiguous
    assert np.array_equal(copy, array)
