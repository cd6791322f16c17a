"""Whether a checkpoint's weights have the shapes that its description promises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from models.checkpoint.architecture import Architecture
from models.checkpoint.weights import shape_of
from models.errors import SourceError
from models.tflite.graph import Array


def check_shapes(path: Path, arch: Architecture, weights: Mapping[str, Array]) -> None:
    """Compare every weight, by our names, with the architecture.

    Raises:
        SourceError: One has another shape.
    """
    for name in weights:
        expected, found = _shape(arch, name), shape_of(weights, name)
        if found not in expected:
            shown = " or ".join(map(str, expected))
            raise SourceError(f"{path}: the weight {name} has shape {found}, expected {shown}")


def _shape(arch: Architecture, name: str) -> list[tuple[int, ...]]:
    """Those that a weight or a bias, `N.part` or `part`, may have."""
    part = name.removesuffix(".bias").split(".")[-1]
    query, key = arch.heads * arch.head_size, arch.kv_heads * arch.head_size
    shapes = {
        "embedding": (arch.vocabulary, arch.width),
        "head": (arch.vocabulary, arch.width),
        "positions": (arch.context_length, arch.width),
        "q": (query, arch.width),
        "k": (key, arch.width),
        "v": (key, arch.width),
        "o": (arch.width, query),
        "gate": (arch.hidden, arch.width),
        "up": (arch.hidden, arch.width),
        "down": (arch.width, arch.hidden),
        "curve": (3,),
    }
    if part in ("q_norm", "k_norm"):
        return [(arch.head_size,), (query if part == "q_norm" else key,)]
    shape = shapes.get(part, (arch.width,))  # the others are norms
    return [shape[:1] if name.endswith(".bias") else shape]
