from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.engine.kv.arrays import float_zeros
from app.engine.runtimes.host_buffer import Array, host_buffers
from app.resources import resident_bytes


@pytest.fixture(scope="module")
def wrap() -> Callable[[Array], Any]:
    return host_buffers()


@pytest.mark.parametrize("shape", [(1,), (6,), (2, 3), (1, 2, 3, 1), (1, 1, 1, 1, 1, 1, 2, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_a_buffer_is_the_array_in_its_own_shape(
    wrap: Callable[[Array], Any], shape: tuple[int, ...], dtype: type[np.generic]
) -> None:
    array = float_zeros(*shape).view(dtype)
    array[:] = np.arange(array.size).reshape(shape)
    buffer = wrap(array)
    details = buffer.get_tensor_details()
    assert tuple(details["shape"]) == shape
    assert details["dtype"] == np.dtype(dtype).name
    assert buffer.read(array.size, dtype).tolist() == array.ravel().tolist()


def test_reading_and_writing_is_done_in_place(wrap: Callable[[Array], Any]) -> None:
    array = float_zeros(2, 3)
    buffer = wrap(array)
    array[1, 2] = 5
    assert buffer.read(6, np.float32).tolist() == [0, 0, 0, 0, 0, 5]
    buffer.write(np.arange(6, dtype=np.float32))
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_an_array_that_is_not_contiguous_is_refused(wrap: Callable[[Array], Any]) -> None:
    with pytest.raises(ValueError, match="a tensor buffer needs a contiguous array"):
        wrap(float_zeros(4, 4)[:, :2])


def test_an_array_that_is_not_aligned_is_refused(wrap: Callable[[Array], Any]) -> None:
    with pytest.raises(RuntimeError, match=r"LiteRT made no buffer over \(5,\): status [1-9]"):
        wrap(float_zeros(6)[1:])


def test_an_element_type_that_no_signature_has_is_refused(wrap: Callable[[Array], Any]) -> None:
    with pytest.raises(KeyError):
        wrap(float_zeros(4).view(np.int64))


def test_a_buffer_that_nobody_holds_takes_no_memory(wrap: Callable[[Array], Any]) -> None:
    array = float_zeros(16)
    wrap(array)
    before = resident_bytes(os.getpid())["private"]
    for _ in range(20_000):  # 8 MB where they are left
        wrap(array)
    assert resident_bytes(os.getpid())["private"] - before < 2**20
