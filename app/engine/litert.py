"""Runs the decoder on LiteRT's CompiledModel: caches are read in place, weights are packed in a file."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.engine.cache import DecodeCache
from app.engine.host_buffer import Array, host_buffers
from app.engine.memory import Floats, aligned, float_zeros
from app.engine.prefix import Entry
from app.engine.runner import Ints, decode_mask, prefill_inputs
from app.engine.shape import ModelShape


@dataclass(slots=True)
class _Bound:
    """Arrays of the `decode` signature and the buffers over them, for one batch and length of the cache."""

    batch: int
    length: int
    tokens: Ints
    positions: Ints
    mask: Floats
    logits: Floats
    keys: Floats
    values: Floats
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class LiteRtRunner:
    """A compiled model and the buffers bound to it. Calls hold the GIL."""

    def __init__(self, model: Any, wrap: Callable[[Array], Any], shape: ModelShape) -> None:
        self._model = model
        self._wrap = wrap
        self._shape = shape
        self._bound: _Bound | None = None

    @property
    def shape(self) -> ModelShape:
        """Sizes of the decoder."""
        return self._shape

    def prefill(self, entry: Entry, tokens: Ints, rows: Sequence[int]) -> Floats:
        """See Runner.prefill."""
        s, count = self._shape, len(tokens)
        small = prefill_inputs(s, entry.length, count)
        arrays = {
            "tokens": aligned(tokens),
            "positions": aligned(small.positions),
            "rows": aligned(np.asarray(rows, np.int32)),
            "mask": aligned(small.mask),
            "zeros": aligned(small.zeros),
        }
        logits = float_zeros(len(rows), s.vocabulary)
        keys = float_zeros(s.layers, count, s.kv_heads, s.head_size)
        values = float_zeros(s.layers, count, s.kv_heads, s.head_size)
        inputs = self._inputs("prefill", arrays, entry.cached)
        self._model.run_by_name("prefill", inputs, self._outputs(logits, keys, values))
        entry.extend(entry.length, tokens, keys, values)
        return logits

    def decode(self, cache: DecodeCache, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        """See Runner.decode."""
        bound = self._bound
        if bound is None or (bound.batch, bound.length) != (len(tokens), cache.length):
            bound = self._bound = self._bind(cache, len(tokens))
        bound.tokens[:] = tokens
        bound.positions[:] = positions
        decode_mask(bound.mask, positions)
        self._model.run_by_name("decode", bound.inputs, bound.outputs)
        cache.append(bound.keys, bound.values, positions)
        return bound.logits

    def _bind(self, cache: DecodeCache, batch: int) -> _Bound:
        s = self._shape
        tokens, positions = aligned(np.zeros(batch, np.int32)), aligned(np.zeros(batch, np.int32))
        mask, logits = float_zeros(batch, 1, 1, cache.length), float_zeros(batch, s.vocabulary)
        keys = float_zeros(s.layers, batch, s.kv_heads, s.head_size)
        values = float_zeros(s.layers, batch, s.kv_heads, s.head_size)
        small = {"tokens": tokens, "positions": positions, "mask": mask}
        inputs = self._inputs("decode", small, cache.view(batch))
        outputs = self._outputs(logits, keys, values)
        return _Bound(batch, cache.length, tokens, positions, mask, logits, keys, values, inputs, outputs)

    def _inputs(self, signature: str, small: dict[str, Array], caches: Floats) -> dict[str, Any]:
        """Buffers over the inputs, the signature resized to them; caches [2L, ...]."""
        layers = self._shape.layers
        names = [f"key_{n}" for n in range(layers)] + [f"value_{n}" for n in range(layers)]
        arrays = small | dict(zip(names, caches, strict=True))
        for name, array in arrays.items():
            self._model.resize_input_tensor_by_name(signature, name, list(array.shape))
        return {name: self._wrap(array) for name, array in arrays.items()}

    def _outputs(self, logits: Floats, keys: Floats, values: Floats) -> dict[str, Any]:
        return {"logits": self._wrap(logits), "keys": self._wrap(keys), "values": self._wrap(values)}


def open_litert(path: Path, digest: str, shape: ModelShape, threads: int, cache_folder: Path) -> LiteRtRunner:
    """Load the model; its packed weights come from, or go to, a file in `cache_folder`."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.options import CpuOptions, Options

    packed = cache_folder / f"{path.stem}.{packing_key(digest)}.xnnpack"
    part = packed.with_name(f".{packed.name}.{os.getpid()}.part")
    chosen = packed if packed.exists() else part
    cpu = CpuOptions(num_threads=threads, xnnpack_weight_cache_path=str(chosen))
    try:
        model = CompiledModel.from_file(str(path), options=Options(cpu_options=cpu))
        if part.exists():
            part.replace(packed)
    finally:
        part.unlink(missing_ok=True)
    return LiteRtRunner(model, host_buffers(), shape)


def packing_key(digest: str) -> str:
    """Names what packed weights depend on: the model, the runtime's version and the processor's features."""
    from importlib.metadata import version

    flags = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), "")
    parts = [digest, version("ai-edge-litert"), platform.machine(), flags]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
