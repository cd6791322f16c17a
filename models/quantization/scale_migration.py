"""Moves what is large in activations into the weights behind them, where no rotation spreads it.

The gains of a norm and the columns of the matrices behind it are known up to a factor for each dimension
(SmoothQuant, Xiao et al., 2023, https://arxiv.org/abs/2211.10438). It is chosen so that a dimension's largest
activation is to those of the others as its largest weight is to theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.numpy_decoder import pass_through
from models.checkpoint.weights import LayerByLayer, Lazy, Weights, changed, lazy
from models.tflite.graph import Array

SMALLEST = 1e-8
"""Stands for a dimension that is zero everywhere."""


def migrate(checkpoint: Checkpoint, sequences: Sequence[Sequence[int]]) -> Checkpoint:
    """The same function with other gains of the norms before attention and MLP.

    Args:
        checkpoint: Has such norms; their gains, where they have none, are 1.
        sequences: Token ids of a representative text. The first token of each is not counted: models make it
            extremely large, and its keys are all that the others see of it.
    """
    arch, weights = checkpoint.architecture, LayerByLayer(checkpoint.weights)
    readers = {"norm1": ("q", "k", "v"), "norm2": ("up", "gate") if arch.gated else ("up",)}
    largest: dict[str, Array] = {}

    def observe(name: str, x: Array, product: Array) -> None:
        seen = np.abs(x[1:]).max(0)
        largest[name] = np.maximum(largest.get(name, seen), seen)

    factors: dict[str, Array] = {}
    for n in pass_through(replace(checkpoint, weights=weights), sequences, observe):
        for norm, names in readers.items():
            columns = np.max([np.abs(weights[f"{n}.{name}"]).max(0) for name in names], 0)
            factor = _balance(largest[f"{n}.{names[0]}"], columns)
            factors |= {f"{n}.{norm}": factor, f"{n}.{norm}.bias": factor}
            factors |= {f"{n}.{name}": 1 / factor for name in names}
        largest.clear()
    entries = lazy(
        changed(checkpoint.weights, {name: partial(np.multiply, f) for name, f in factors.items()})
    )
    for name in (f"{n}.{norm}" for n in range(arch.layers) for norm in readers):
        entries.setdefault(name, Lazy(factors[name].shape, partial(factors.__getitem__, name)))
    return replace(checkpoint, weights=Weights(entries))


def _balance(activations: Array, columns: Array) -> Array:
    """Factor of each dimension's activations [D], with a geometric mean of 1."""
    logarithm = 0.5 * (np.log(columns + SMALLEST) - np.log(activations + SMALLEST))
    factor: Array = np.exp(logarithm - logarithm.mean()).astype(np.float32)
    return factor
