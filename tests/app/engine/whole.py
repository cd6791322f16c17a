"""A text that a tiny model has computed in one call: what any other way to compute it is compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.engine.kv.arrays import Floats
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry, PrefixCache
from app.engine.runtimes.interface import Runner
from app.engine.worker.process import open_runner
from tests.tiny import TinyModel

LENGTH = 150
TEXT = np.random.Generator(np.random.PCG64(1)).integers(3, 49_000, LENGTH).tolist()


def prefill(runner: Runner, chunks: Sequence[int]) -> tuple[Floats, Entry]:
    """Logits of every token of TEXT, computed in chunks; and what was cached."""
    entry, _ = PrefixCache(runner.shape, budget=0).acquire(np.array(TEXT, np.int32))
    logits = []
    for count in chunks:
        tokens = np.array(TEXT[entry.length : entry.length + count], np.int32)
        logits.append(runner.prefill(entry, tokens, range(count)).copy())
    return np.concatenate(logits), entry


class Whole:
    """The model on its runtime, its answer, and a decode cache."""

    def __init__(self, model: TinyModel) -> None:
        self.model = model
        self.runner = open_runner(model.config())
        self.cache = DecodeCache(model.shape, slots=4)
        self.logits, self.entry = prefill(self.runner, [LENGTH])

    def fill(self, starts: Sequence[int], length: int) -> None:
        """Put the first tokens of TEXT into one slot each, among old numbers, in `length` places."""
        self.cache.length = length
        stale = np.random.Generator(np.random.PCG64(2))
        view = self.cache.view(self.cache.slots)
        view[:] = stale.standard_normal(view.shape, np.float32)
        for slot, start in enumerate(starts):
            self.cache.load(slot, self.entry.cached[:, :start])
