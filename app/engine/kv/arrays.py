"""Arrays that the runtime reads in place."""

from __future__ import annotations

import math
import mmap
import sys
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]


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


def give_back(array: Floats) -> None:
    """Free the pages of an array from `float_zeros`, or of the one it is a view of: they read as zeros."""
    base: Any = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    if sys.platform == "linux":
        base.obj.madvise(mmap.MADV_DONTNEED)  # a memoryview of the map
    else:  # where the advice clears nothing
        base[:] = bytes(base.nbytes)


def aligned(array: npt.NDArray[T]) -> npt.NDArray[T]:
    """The array, copied where it does not start on an aligned address."""
    if array.ctypes.data % ALIGNMENT == 0 and array.flags.c_contiguous:
        return array
    place = float_zeros(-(-array.nbytes // 4)).view(np.uint8)[: array.nbytes]
    copy = place.view(array.dtype).reshape(array.shape)
    copy[:] = array
    return copy


def common(a: npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> int:
    """Length of the common prefix."""
    size = min(len(a), len(b))
    differs = np.flatnonzero(a[:size] != b[:size])
    return int(differs[0]) if len(differs) else size
