"""Random tensors that depend on their name and shape alone: nobody needs to keep them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def make_tensors(shapes: Mapping[str, Sequence[int]]) -> dict[str, Floats]:
    """Values that make varied text: no token is the likeliest everywhere."""
    return {name: _values(name, tuple(shape)) for name, shape in shapes.items()}


def _values(name: str, shape: tuple[int, ...]) -> Floats:
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    base, scale = 0.0, 1.5 * min(shape, default=1) ** -0.5
    if name.endswith("act_fn.eps"):  # a number of its own, not a weight
        base, scale = -1e-6, 0.0
    elif len(shape) < 2 or "norm" in name:
        base, scale = float(name.endswith("weight")), 0.2
    elif "wpe" in name or "embed_positions" in name:
        scale = 0.3
    elif "embed" in name or "wte" in name:
        scale = 0.5
    found: Floats = np.float32(base) + np.float32(scale) * rng.standard_normal(shape, np.float32)
    return np.asarray(found)
