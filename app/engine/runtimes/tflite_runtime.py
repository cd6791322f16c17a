"""Runs the decoder through signature runners, for tflite-runtime: caches are copied every call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.engine.kv.arrays import Floats, Ints, float_zeros
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry
from app.engine.runtimes.interface import Drafted, decode_mask, extend_inputs, prefill_inputs
from app.model.shape import ModelShape


class TfLiteRunner:
    """An interpreter's signatures."""

    exact = False

    def __init__(self, signatures: dict[str, Any], shape: ModelShape) -> None:
        self._signatures = signatures
        self._shape = shape

    @property
    def shape(self) -> ModelShape:
        """Sizes of the decoder."""
        return self._shape

    def prefill(self, entry: Entry, tokens: Ints, rows: Sequence[int]) -> Floats:
        """See Runner.prefill."""
        given = prefill_inputs(self._shape, entry.length, tokens, rows)
        found = self._signatures["prefill" if entry.length else "start"](
            tokens=given.tokens,
            positions=given.positions,
            rows=given.rows,
            mask=given.mask,
            zeros=given.zeros,
            **(self._caches(entry.cached) if entry.length else {}),
        )
        entry.room(len(given.tokens))[:] = self._rows(found)
        entry.extend(tokens)
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
        cache.append(self._rows(found), positions)
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
        return Drafted(found["logits"], self._rows(found))

    def _caches(self, blocks: Floats) -> dict[str, Floats]:
        return dict(zip(self._shape.cache_names, blocks, strict=True))

    def _rows(self, found: dict[str, Floats]) -> Floats:
        """New keys of every layer, then values: [2L, T, KV, HD]."""
        return np.stack([found[f"new_{name}"] for name in self._shape.cache_names])


def open_tflite(path: Path, shape: ModelShape, threads: int) -> TfLiteRunner:
    """Load the model on tflite-runtime."""
    from tflite_runtime.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    signatures = {
        name: interpreter.get_signature_runner(name) for name in ("start", "prefill", "decode", "extend")
    }
    return TfLiteRunner(signatures, shape)
