"""Runs the decoder through signature runners, for tflite-runtime: caches are copied every call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.engine.cache import DecodeCache
from app.engine.memory import Floats, float_zeros
from app.engine.prefix import Entry
from app.engine.runner import Drafted, Ints, decode_mask, extend_inputs, prefill_inputs
from app.engine.shape import ModelShape


class TfLiteRunner:
    """An interpreter's signatures."""

    def __init__(self, signatures: dict[str, Any], shape: ModelShape) -> None:
        self._signatures = signatures
        self._shape = shape

    @property
    def shape(self) -> ModelShape:
        """Sizes of the decoder."""
        return self._shape

    def prefill(self, entry: Entry, tokens: Ints, rows: Sequence[int]) -> Floats:
        """See Runner.prefill."""
        s, start = self._shape, entry.length
        small = prefill_inputs(s, start, len(tokens))
        found = self._signatures["prefill"](
            tokens=tokens,
            positions=small.positions,
            rows=np.asarray(rows, np.int32),
            mask=small.mask,
            zeros=small.zeros,
            **self._caches(entry.cached),
        )
        keys, values = (
            found[name].reshape(s.layers, len(tokens), s.kv_heads, s.head_size) for name in ("keys", "values")
        )
        entry.extend(start, tokens, keys, values)
        return found["logits"]  # type: ignore[no-any-return]

    def decode(self, cache: DecodeCache, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        """See Runner.decode."""
        mask = float_zeros(len(tokens), 1, 1, cache.length)
        decode_mask(mask, positions)
        found = self._signatures["decode"](
            tokens=np.asarray(tokens, np.int32),
            positions=np.asarray(positions, np.int32),
            mask=mask,
            **self._caches(cache.view(len(tokens))),
        )
        cache.append(found["keys"], found["values"], positions)
        return found["logits"]  # type: ignore[no-any-return]

    def extend(self, cache: DecodeCache, tokens: Sequence[int], position: int) -> Drafted:
        """See Runner.extend."""
        inputs = extend_inputs(self._shape, position, len(tokens), cache.length)
        cache.clear(0, position, position + len(tokens))
        found = self._signatures["extend"](
            tokens=np.asarray(tokens, np.int32),
            positions=inputs.positions,
            place=inputs.place,
            mask=inputs.mask,
            **self._caches(cache.view(1)[:, 0]),
        )
        return Drafted(found["logits"], found["keys"], found["values"])

    def _caches(self, blocks: Floats) -> dict[str, Floats]:
        layers = self._shape.layers
        names = [f"key_{n}" for n in range(layers)] + [f"value_{n}" for n in range(layers)]
        return dict(zip(names, blocks, strict=True))


def open_tflite(path: Path, shape: ModelShape, threads: int) -> TfLiteRunner:
    """Load the model on tflite-runtime."""
    from tflite_runtime.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    signatures = {name: interpreter.get_signature_runner(name) for name in ("prefill", "decode", "extend")}
    return TfLiteRunner(signatures, shape)
