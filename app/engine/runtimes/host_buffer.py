"""NumPy arrays as LiteRT tensor buffers of their own shape, read and written in place.

The Python class makes such buffers with one dimension only, and a flat input would have to be reshaped, that
is copied, in the graph: a copy of every cache in every step. So the buffer is made by the C function behind
it, `LiteRtCreateTensorBufferFromHostMemory` (litert/c/litert_tensor_buffer.h).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np
import numpy.typing as npt

CAPSULE = b"LiteRtTensorBuffer"
ELEMENT_TYPES = {np.dtype(np.float32): 1, np.dtype(np.int32): 2}
MOST_DIMENSIONS = 8

Array = npt.NDArray[Any]


class _RankedTensorType(ctypes.Structure):
    """`LiteRtRankedTensorType`: element type, then the layout; `rank` also holds the flag for strides."""

    _fields_ = (
        ("element_type", ctypes.c_int),
        ("rank", ctypes.c_uint32),
        ("dimensions", ctypes.c_int32 * MOST_DIMENSIONS),
        ("strides", ctypes.c_uint32 * MOST_DIMENSIONS),
    )


def host_buffers() -> Callable[[Array], Any]:
    """A function that wraps an aligned, contiguous array; the array must outlive its buffer.

    The Python class destroys no buffer that it was given, 400 bytes each: that is done when nobody holds it.
    """
    import ai_edge_litert
    from ai_edge_litert.tensor_buffer import TensorBuffer

    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    library = ctypes.CDLL(str(Path(ai_edge_litert.__file__).with_name(f"libLiteRt{suffix}")))
    create = library.LiteRtCreateTensorBufferFromHostMemory
    create.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p)
    destroy = library.LiteRtDestroyTensorBuffer
    destroy.argtypes, destroy.restype = (ctypes.c_void_p,), None
    new_capsule = ctypes.pythonapi.PyCapsule_New
    new_capsule.argtypes, new_capsule.restype = (
        (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p),
        ctypes.py_object,
    )

    def wrap(array: Array) -> Any:
        if not array.flags.c_contiguous:
            raise ValueError("a tensor buffer needs a contiguous array")
        kind = _RankedTensorType(ELEMENT_TYPES[array.dtype], array.ndim)
        kind.dimensions[: array.ndim] = array.shape
        buffer = ctypes.c_void_p()
        status = create(ctypes.byref(kind), array.ctypes.data, array.nbytes, None, ctypes.byref(buffer))
        if status:
            raise RuntimeError(f"LiteRT made no buffer over {array.shape}: status {status}")
        wrapped = TensorBuffer(new_capsule(buffer, CAPSULE, None))
        finalize(wrapped, destroy, buffer).atexit = False
        return wrapped

    return wrap
