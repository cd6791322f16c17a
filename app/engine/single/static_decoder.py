"""Runs a decoder with caches of fixed length: one buffer is a cache's input and its output at once.

The graph returns each cache with the new places filled in; bound so, it fills them in place, which is exact
and twice as fast as two buffers in turn. One sequence lives in the caches, and what the next prompt shares
with it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.engine.config import EngineConfig
from app.engine.kv.arrays import Floats, aligned, float_zeros
from app.engine.messages import Generation
from app.engine.runtimes.compiled import open_compiled
from app.engine.runtimes.host_buffer import Array
from app.engine.runtimes.weight_cache import PackedWeights
from app.engine.sampler import Sampler
from app.engine.single.extract import inner_file
from app.engine.single.scheduler import Work, Writing
from app.model.kinds import StaticDecoder
from app.model.shape import MASKED, ModelShape

FEW = 4
"""So few prompt tokens are decoded one by one: cheaper than the shortest prefill, which is mostly padding."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A signature bound to the caches: arrays of its small inputs, and buffers over everything.

    Attributes:
        mask: [1, 1, T, C], 0 where a place is seen and MASKED elsewhere.
    """

    signature: str
    tokens: Array
    positions: Array
    mask: Floats
    logits: Floats
    inputs: dict[str, Any]
    outputs: dict[str, Any]

    def fill(self, tokens: Sequence[int], start: int) -> None:
        """Tokens after `start` places; the rest of the width is padding that nobody will see."""
        width = self.tokens.size
        positions = np.arange(start, start + width, dtype=np.int32)
        self.tokens[:] = 0
        self.tokens[0, : len(tokens)] = tokens
        self.positions[:] = positions
        seen = np.arange(self.mask.shape[-1]) <= positions[:, None]
        self.mask[0, 0] = np.where(seen, np.float32(0), np.float32(MASKED))


class BoundDecoder:
    """Implements app.engine.single.Writer over a compiled model. Calls hold the GIL."""

    def __init__(
        self, model: Any, wrap: Callable[[Array], Any], shape: ModelShape, decoder: StaticDecoder, chunk: int
    ) -> None:
        self._model = model
        self._wrap = wrap
        self._shape = shape
        self._length = decoder.length
        self._start = [] if decoder.start_id is None else [decoder.start_id]
        self._caches = {name: float_zeros(*size) for name, size in decoder.caches.items()}
        self._buffers = {name: wrap(cache) for name, cache in self._caches.items()}
        widths = [width for width in decoder.prefill if width <= chunk] or list(decoder.prefill[:1])
        self._prefill = {width: self._bind(f"prefill_{width}", width, logits=False) for width in widths}
        self._decode = self._bind("decode", 1, logits=True)
        self._held: list[int] = []
        self._sound = 0

    @property
    def shape(self) -> ModelShape:
        """Sizes of the decoder."""
        return self._shape

    def write(self, generation: Generation) -> Writing:
        """See Writer.write."""
        try:
            return (yield from self._write(generation))
        finally:
            if len(self._held) != self._sound:
                self._forget()

    def _write(self, generation: Generation) -> Writing:
        prompt = list(generation.prompt)
        start = self._start if prompt[:1] != self._start else []
        prompt = start + prompt
        sampler = Sampler(generation.sampling, prompt, generation.stop_ids)
        del self._held[_common(self._held, prompt[:-1]) :]
        self._sound = len(self._held)
        yield Work(cached=max(0, len(self._held) - len(start)))
        for width, count in plan(list(self._prefill), len(self._held), len(prompt) - 1, self._length):
            tokens = prompt[len(self._held) : len(self._held) + count]
            self._run(self._prefill[width] if width > 1 else self._decode, tokens)
            yield Work(prefilled=count)
        token = prompt[-1]
        for number in range(generation.max_tokens):
            logits = self._run(self._decode, [token])
            forced = number < len(generation.forced)
            if forced:
                token = generation.forced[number]
                logprob = sampler.score(logits, token)
            else:
                token, logprob = sampler.choose(logits)
            self._sound = len(self._held)
            if token in generation.stop_ids and not forced:
                return "stop"
            yield Work(int(number == 0), ids=(token,), logprobs=() if logprob is None else (logprob,))
        return "length"

    def _forget(self) -> None:
        """Empty the caches: values in them may not be finite, and no mask keeps those from what follows."""
        for cache in self._caches.values():
            cache.fill(0.0)
        self._held.clear()
        self._sound = 0

    def _run(self, call: _Call, tokens: Sequence[int]) -> Floats:
        """Compute tokens after those that are held; logits [V] where the signature has them."""
        call.fill(tokens, len(self._held))
        self._model.run_by_name(call.signature, call.inputs, call.outputs)
        self._held += tokens
        return call.logits

    def _bind(self, signature: str, width: int, *, logits: bool) -> _Call:
        tokens, positions = (aligned(np.zeros(size, np.int32)) for size in ((1, width), width))
        mask = float_zeros(1, 1, width, self._length)
        found = float_zeros(1, 1, self._shape.vocabulary) if logits else float_zeros(0)
        small = {"tokens": self._wrap(tokens), "input_pos": self._wrap(positions), "mask": self._wrap(mask)}
        outputs = self._buffers | ({"logits": self._wrap(found)} if logits else {})
        return _Call(signature, tokens, positions, mask, found.reshape(-1), self._buffers | small, outputs)


def plan(widths: Sequence[int], start: int, end: int, length: int) -> list[tuple[int, int]]:
    """Calls that compute the tokens from `start` to `end`: pairs of a call's width and how many it takes.

    A width of 1 is the signature `decode`. A call's padding must also fit into the `length` places.
    """
    calls = []
    while start < end:
        left = end - start
        fitting = [width for width in sorted(widths) if start + width <= length]
        if left <= FEW or not fitting:
            width = 1
        else:
            whole = [width for width in fitting if width <= left]
            padded = [width for width in fitting if left <= width < 2 * left]
            width = (padded or whole[-1:] or fitting)[0]
        calls.append((width, min(width, left)))
        start += calls[-1][1]
    return calls


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the common prefix."""
    pairs = zip(a, b, strict=False)
    return next((n for n, (x, y) in enumerate(pairs) if x != y), min(len(a), len(b)))


def open_bound(config: EngineConfig, decoder: StaticDecoder) -> BoundDecoder:
    """Load the model; its packed weights come from, or go to, a file in the cache folder."""
    folder, path, digest = config.cache_folder, config.model, config.digest
    model_file = inner_file(folder, path, digest, decoder.begin, decoder.end)
    model, wrap = open_compiled(model_file, PackedWeights(folder, path, digest), config.threads)
    return BoundDecoder(model, wrap, config.shape, decoder, config.prefill_chunk)
