"""The numbers of a model that the engine computes with."""

from __future__ import annotations

from dataclasses import dataclass

from app.model.manifest import Manifest

LANES = 64
"""Cache lengths are multiples of this, so that a place keeps its vector lane (models/graphs/decoder.py)."""

MASKED = -1e9
"""Added to the attention score of a place that must not be seen."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Sizes of a decoder.

    Attributes:
        group: Query heads for each key and value head.
    """

    layers: int
    kv_heads: int
    group: int
    head_size: int
    vocabulary: int
    sequence_length: int

    @property
    def cache_names(self) -> list[str]:
        """Each layer's keys, then values, as the signatures call them; new ones have `new_` before."""
        return [f"{part}_{n}" for part in ("key", "value") for n in range(self.layers)]

    @property
    def token_floats(self) -> int:
        """Floats that one token's keys (or values) take in one layer."""
        return self.kv_heads * self.head_size

    @property
    def token_bytes(self) -> int:
        """Bytes of all keys and values of one token."""
        return 2 * self.layers * self.token_floats * 4

    @property
    def logits_bytes(self) -> int:
        """Bytes of the logits of one position."""
        return 4 * self.vocabulary


def model_shape(manifest: Manifest) -> ModelShape:
    """The sizes that the engine needs."""
    return ModelShape(
        layers=manifest.layers,
        kv_heads=manifest.kv_heads,
        group=manifest.heads // manifest.kv_heads,
        head_size=manifest.head_size,
        vocabulary=manifest.vocabulary_size,
        sequence_length=manifest.sequence_length,
    )
