"""Fixed scales of activations: how far inputs and products of a matrix reach on a representative text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.numpy_decoder import pass_through
from models.quantization.constants import scale_queries
from models.quantization.gptq import matrices
from models.quantization.rounding import Ranges
from models.tflite.graph import Array

DYNAMIC = "down"
"""What this matrix sees reaches a hundred times as far at some tokens as at others: no fixed scale fits."""

INPUT_ROOM, PRODUCT_ROOM = 1.1, 2.0
"""How much further than on the text a number may reach before it is cut off. A product's scale is decided by
fewer numbers, and needs more room; too much makes the levels coarse (docs/models.md)."""

LEVELS = 127


def fixed_ranges(
    checkpoint: Checkpoint, sequences: Sequence[Sequence[int]], advance: Callable[[float], None]
) -> dict[str, Ranges]:
    """Ranges around the matrices that have fixed scales, by the name that the graphs use.

    Args:
        checkpoint: Float weights; the text passes through them.
        sequences: Token ids of the representative text.
        advance: Is told the share that is done, 0 to 1.
    """
    inputs, products = dict[str, float](), dict[str, Array]()

    def observe(name: str, x: Array, y: Array) -> None:
        inputs[name] = max(inputs.get(name, 0.0), float(np.abs(x).max()))
        products[name] = np.maximum(products.get(name, np.float32(0)), np.abs(y).max(0))

    arch, found = checkpoint.architecture, dict[str, Ranges]()
    for n in pass_through(checkpoint, sequences, observe):
        reach = scale_queries(products, arch)
        for seen, names in matrices(arch, n).items():
            for name in names if seen != DYNAMIC else []:
                parts = name.split("+")
                found[name] = Ranges(
                    INPUT_ROOM * inputs[parts[0]] / LEVELS,
                    np.concatenate([_levels(reach[part]) for part in parts]),
                )
        advance((n + 1) / arch.layers)
    return found


def _levels(reach: Array) -> Array:
    """Of products [out] that reach so far; one that hardly moved may still move as far as others do."""
    least = max(float(np.median(reach)), float(np.finfo(np.float32).tiny))
    levels: Array = np.maximum(reach, least) * np.float32(PRODUCT_ROOM / LEVELS)
    return levels
