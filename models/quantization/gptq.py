"""Rounds a checkpoint's layers by what flows through them: inputs of a representative text.

Layer by layer: the text's hidden states pass through the layer in float32, each matrix is rounded so that its
products with those inputs change least (`models/quantization/rounding.py`), and only the integers stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from models.checkpoint.architecture import Architecture, Checkpoint
from models.checkpoint.numpy_decoder import pass_through
from models.checkpoint.weights import LayerByLayer
from models.quantization.constants import scale_queries
from models.quantization.rounding import Rounding, Scheme
from models.tflite.graph import Array, Quantized

OBSERVED = ("q", "o", "up", "down")
"""One matrix of a layer for each input: `k` and `v` see what `q` sees, `gate` what `up` sees."""


class Grams:
    """Sums of outer products of what the matrices of one layer see: [in, in] by matrix."""

    def __init__(self) -> None:
        self.sums: dict[str, Array] = {}

    def observe(self, name: str, x: Array, product: Array) -> None:
        """Add the input [T, in] of a matrix."""
        part = name.split(".")[-1]
        if part in OBSERVED:
            self.sums[part] = self.sums.get(part, np.float32(0)) + x.T @ x


def round_layers(
    checkpoint: Checkpoint,
    scheme: Scheme,
    sequences: Sequence[Sequence[int]],
    advance: Callable[[float], None],
) -> dict[str, Quantized]:
    """Every matrix of every layer as integers, by the name that the graphs use.

    Args:
        checkpoint: Its weights are not changed.
        scheme: Number formats; the layers' is int8 or int4.
        sequences: Token ids of the representative text.
        advance: Is told the share that is done, 0 to 1.
    """
    arch, found = checkpoint.architecture, dict[str, Quantized]()
    checkpoint = replace(checkpoint, weights=LayerByLayer(checkpoint.weights))
    stored = scale_queries(checkpoint.weights, arch)
    grams = Grams()
    for n in pass_through(checkpoint, sequences, grams.observe):
        for seen, names in matrices(arch, n).items():
            rounding = Rounding.of(grams.sums[seen])
            for name in names:
                rows = np.concatenate([stored[part] for part in name.split("+")])
                found[name] = rounding.quantize(name, rows, scheme.dtype, scheme.block)
        grams.sums.clear()
        advance((n + 1) / arch.layers)
    return found


def matrices(arch: Architecture, n: int) -> dict[str, list[str]]:
    """The matrices of layer n as `models/graphs/layers.py` names them, by what they see."""
    up = [f"{n}.gate", f"{n}.up"] if arch.gated else [f"{n}.up"]
    return {"q": [f"{n}.q+{n}.k+{n}.v"], "o": [f"{n}.o"], "up": up, "down": [f"{n}.down"]}
