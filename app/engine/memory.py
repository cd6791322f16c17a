"""Arrays that the runtime reads in place."""

from __future__ import annotations

import math
import mmap
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

T = TypeVar("T", bound=np.generic)

ALIGNMENT = 64
"""Bytes; host memory that LiteRT reads must start on such an address."""


def float_zeros(*shape: int) -> Floats:
    """Zeros straight from the system: a page costs memory once it is written, and goes back with the array.

    An allocator would keep freed blocks of this size, and clear every page of one that it hands out again.
    """
    size = math.prod(shape)
    pages = mmap.mmap(-1, max(4 * size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, np.float32, size).reshape(shape)


def aligned(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """The array, copied where it does not start on an aligned address."""
    if array.ctypes.data % ALIGNMENT == 0 and array.flags.c_contiguous:
        return array
    place = float_zeros(-(-array.nbytes // 4)).view(np.uint8)[: array.nbytes]
    copy = place.view(array.dtype).reshape(array.shape)
    copy[:] = array
    return copy
