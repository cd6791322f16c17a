"""Random choice of a token inside a graph: temperature, top-k, top-p, from a seed that is baked in.

TFLite's random operators keep a state of their own, so that a second call differs from the first. The random
numbers here are plain integer arithmetic over values that the caller carries along: one seed gives one text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.tflite import ops, sequence_ops
from models.tflite.graph import Array, Tensor

MODULI = np.array([30269, 30307, 30323], np.int32)
FACTORS = np.array([171, 172, 170], np.int32)
"""Of three multiplicative generators whose products fit into 32 bits; the fraction of their sum has a period
of 7e12 (Wichmann and Hill, 1982, Algorithm AS 183)."""


LAST = float(np.float32(1 - 2**-23))
"""Times any number, it is less than that number in float32 too."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """What is baked in; the order is Hugging Face's: temperature, then top-k, then top-p.

    Attributes:
        temperature: Divides the logits; 0 takes the likeliest token.
        top_k: Most tokens that may be chosen; 0 for all.
        top_p: The fewest likeliest tokens that hold this mass together may be chosen.
        seed: Of the random numbers.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    @property
    def random(self) -> bool:
        """Whether the choice is random at all."""
        return self.temperature > 0

    @property
    def start(self) -> Array:
        """First state of the random numbers, int32 [3]."""
        words = np.random.SeedSequence(self.seed).generate_state(3).astype(np.int64)
        return (1 + words % (MODULI - 1)).astype(np.int32)


def sample(sampler: Sampler, logits: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """A token int32 [1] out of logits [1, V], and the next state of the random numbers int32 [3]."""
    V = logits.shape[-1]
    kept = min(sampler.top_k or V, V)
    scores, ids = logits * (1 / sampler.temperature), None
    if kept < V or sampler.top_p < 1:
        scores, ids = ops.top_k(scores, kept)  # the likeliest first
    weights = ops.reshape(ops.softmax(scores), [kept])
    below = sequence_ops.cumsum(weights)
    if sampler.top_p < 1:
        nucleus = sequence_ops.less(below - weights, sampler.top_p)
        below = sequence_ops.cumsum(weights * ops.cast(nucleus, "float32"))
    state, fraction = _draw(state)
    above = sequence_ops.less(ops.largest(below) * fraction, below)
    place = logits.graph.constant([kept], "int32") - ops.total(ops.cast(above, "int32"))
    return (place if ids is None else ops.gather(ops.reshape(ids, [kept]), place)), state


def _draw(state: Tensor) -> tuple[Tensor, Tensor]:
    """The next state [3], and a number [1] that is at least 0 and less than 1."""
    g = state.graph
    state = sequence_ops.floor_mod(state * g.constant(FACTORS), g.constant(MODULI))
    parts = ops.cast(state, "float32") / g.constant(MODULI, "float32")
    return state, sequence_ops.minimum(sequence_ops.floor_mod(ops.total(parts), 1.0), LAST)
