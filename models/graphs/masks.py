"""What attention adds to its scores: the caller's mask, a layer's window, linear biases."""

from __future__ import annotations

import numpy as np

from app.model.shape import MASKED
from models.checkpoint.architecture import Architecture
from models.tflite import ops
from models.tflite.graph import Tensor
from models.tflite.sequence_ops import cumsum, minimum


class Masks:
    """The terms of each layer, written once a call.

    A window needs no input of its own: how far a place is behind the token, at most 0, is arithmetic on the
    places along the mask's last dimension, and a place too far away gets MASKED or more of it.
    """

    def __init__(self, arch: Architecture, mask: Tensor, positions: Tensor, longest: int) -> None:
        """Take the mask of one call.

        Args:
            arch: Says what each layer adds.
            mask: [B, 1, 1, S] for a token of many sequences, [1, M, N] for M = T * G rows of one.
            positions: int32 [B] or [T].
            longest: Most tokens of a sequence: a window of so many hides nothing.
        """
        self._windows = [each.window if each.window < longest else 0 for each in arch.attention]
        self._found = {0: mask}
        if any(self._windows) or arch.slopes:
            distances = _distances(mask, positions, arch.group)
            if arch.slopes:
                self._found[0] = mask + distances * _slopes(arch, mask, positions)
            for window in dict.fromkeys(filter(None, self._windows)):
                hidden = minimum((distances + float(window - 1)) * -MASKED, 0.0)
                self._found[window] = self._found[0] + hidden

    def of(self, n: int) -> Tensor:
        """What layer n adds; it broadcasts to [B, KV, G, S] or [KV, M, N]."""
        return self._found[self._windows[n]]


def _distances(mask: Tensor, positions: Tensor, group: int) -> Tensor:
    """Places less positions, in the mask's shape."""
    first = ops.slice_(mask, [0] * len(mask.shape), [*[1] * (len(mask.shape) - 1), -1])
    places = cumsum(ops.reshape(first * 0.0 + 1.0, [mask.shape[-1]])) - 1.0
    at = ops.reshape(ops.cast(positions, "float32"), [-1, 1])
    if len(mask.shape) == 4:
        return places - ops.reshape(at, [mask.shape[0], 1, 1, 1])
    rows = at * mask.graph.constant(np.ones((1, group), np.float32))  # [T, G]
    return places - ops.reshape(rows, [1, mask.shape[1], 1])


def _slopes(arch: Architecture, mask: Tensor, positions: Tensor) -> Tensor:
    """The heads' slopes beside the mask: [1, KV, G, 1], or [KV, M, 1]."""
    slopes = np.array(arch.slopes, np.float32).reshape(arch.kv_heads, 1, arch.group)
    if len(mask.shape) == 4:
        return mask.graph.constant(slopes.reshape(1, arch.kv_heads, arch.group, 1))
    nothing = ops.reshape(ops.cast(positions, "float32"), [1, -1, 1]) * 0.0  # [1, T, 1]
    return ops.reshape(nothing + mask.graph.constant(slopes), [arch.kv_heads, mask.shape[1], 1])
