"""Runs the decoder on LiteRT's CompiledModel: caches are read in place, weights are packed in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.engine.kv.arrays import Floats, Ints, aligned, float_zeros
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry
from app.engine.runtimes.compiled import open_compiled
from app.engine.runtimes.host_buffer import Array
from app.engine.runtimes.interface import Drafted, decode_mask, extend_inputs, prefill_inputs
from app.engine.runtimes.weight_cache import PackedWeights
from app.model.shape import ModelShape


@dataclass(frozen=True, slots=True)
class _Call:
    """A signature bound to one cache: arrays of its small inputs and its outputs, and buffers over all."""

    cache: DecodeCache
    length: int
    small: dict[str, Array]
    logits: Floats
    rows: Floats
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    def fits(self, cache: DecodeCache, count: int) -> bool:
        """Whether nothing has moved since it was bound."""
        return self.cache is cache and self.length == cache.length and len(self.logits) == count


class LiteRtRunner:
    """A compiled model and the buffers bound to it. Calls hold the GIL."""

    exact = True

    def __init__(self, model: Any, wrap: Callable[[Array], Any], shape: ModelShape) -> None:
        self._model = model
        self._wrap = wrap
        self._shape = shape
        self._calls: dict[str, _Call] = {}
        self._sizes: dict[str, dict[str, tuple[int, ...]]] = {}

    @property
    def shape(self) -> ModelShape:
        """Sizes of the decoder."""
        return self._shape

    def prefill(self, entry: Entry, tokens: Ints, rows: Sequence[int]) -> Floats:
        """See Runner.prefill."""
        given = prefill_inputs(self._shape, entry.length, tokens, rows)
        small = {
            "tokens": aligned(given.tokens),
            "positions": aligned(given.positions),
            "rows": aligned(given.rows),
            "mask": aligned(given.mask),
            "zeros": aligned(given.zeros),
        }
        logits = float_zeros(len(rows), self._shape.vocabulary)
        signature = "prefill" if entry.length else "start"
        inputs = self._inputs(signature, small, entry.cached if entry.length else ())
        outputs = self._outputs(logits, entry.room(len(given.tokens)))
        self._model.run_by_name(signature, inputs, outputs)
        entry.extend(tokens)
        return logits

    def decode(self, cache: DecodeCache, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        """See Runner.decode."""
        batch = len(tokens)
        call = self._calls.get("decode")
        if call is None or not call.fits(cache, batch):
            mask = float_zeros(batch, 1, 1, cache.length)
            call = self._bind("decode", cache, batch, {"mask": mask}, cache.view(batch))
        call.small["tokens"][:] = tokens
        call.small["positions"][:] = positions
        decode_mask(call.small["mask"], positions)
        self._model.run_by_name("decode", call.inputs, call.outputs)
        cache.append(call.rows, positions)
        return call.logits

    def extend(self, cache: DecodeCache, tokens: Sequence[int], position: int) -> Drafted:
        """See Runner.extend."""
        s, count = self._shape, len(tokens)
        call = self._calls.get("extend")
        if call is None or not call.fits(cache, count):
            place = float_zeros(1, count, cache.length)
            mask = float_zeros(1, count * s.group, cache.length)
            call = self._bind("extend", cache, count, {"place": place, "mask": mask}, cache.view(1)[:, 0])
        inputs = extend_inputs(s, position, count, cache.length)
        call.small["tokens"][:] = tokens
        call.small["positions"][:] = inputs.positions
        call.small["place"][:] = inputs.place
        call.small["mask"][:] = inputs.mask
        cache.clear(0, position, position + count)
        self._model.run_by_name("extend", call.inputs, call.outputs)
        return Drafted(call.logits, call.rows)

    def _bind(
        self, signature: str, cache: DecodeCache, count: int, small: dict[str, Array], caches: Floats
    ) -> _Call:
        """Arrays for `count` tokens, the signature resized to them and to the caches [2L, ...]."""
        s = self._shape
        small |= {name: aligned(np.zeros(count, np.int32)) for name in ("tokens", "positions")}
        logits = float_zeros(count, s.vocabulary)
        rows = float_zeros(2 * s.layers, count, s.kv_heads, s.head_size)
        inputs, outputs = self._inputs(signature, small, caches), self._outputs(logits, rows)
        call = _Call(cache, cache.length, small, logits, rows, inputs, outputs)
        self._calls[signature] = call
        return call

    def _inputs(self, signature: str, small: dict[str, Array], caches: Iterable[Floats]) -> dict[str, Any]:
        """Buffers over the inputs, the signature resized to them; caches of each layer, if any."""
        arrays = small | dict(zip(self._shape.cache_names, caches, strict=False))
        sizes = self._sizes.setdefault(signature, {})
        for name, array in arrays.items():
            if sizes.get(name) != array.shape:
                self._model.resize_input_tensor_by_name(signature, name, list(array.shape))
                sizes[name] = array.shape
        return {name: self._wrap(array) for name, array in arrays.items()}

    def _outputs(self, logits: Floats, rows: Floats) -> dict[str, Any]:
        """Buffers over the outputs; rows [2L, T, KV, HD] take keys and values where they shall lie."""
        new = zip(self._shape.cache_names, rows, strict=True)
        return {"logits": self._wrap(logits)} | {f"new_{name}": self._wrap(layer) for name, layer in new}


def open_litert(path: Path, weights: PackedWeights, shape: ModelShape, threads: int) -> LiteRtRunner:
    """Load the model; its packed weights come from a file, or go to one."""
    model, wrap = open_compiled(path, weights, threads)
    return LiteRtRunner(model, wrap, shape)
