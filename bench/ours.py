"""Our engine as a peer: the scheduler with all that a served request pays for, in one process."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from app.engine.config import EngineConfig
from app.engine.local import model_shape
from app.engine.messages import Generation, Sampling
from app.engine.process import open_scheduler
from app.manifest import read_manifest
from bench.work import STREAM_PROMPT, STREAM_TOKENS, keystrokes, prompt


class Ours:
    """Counts seeds upward, so that no prompt begins as an earlier one."""

    def __init__(self, model: Path, threads: int) -> None:
        manifest = read_manifest(model)
        config = EngineConfig(
            model=model,
            digest=manifest.sha256,
            runtime="litert",
            shape=model_shape(manifest),
            threads=threads,
            slots=16,
            prefill_chunk=128,
            prefix_bytes=64 * 2**20,
            cache_folder=model.parent,
        )
        self._scheduler = open_scheduler(config)
        self._seed = 0

    def prefill(self, tokens: int) -> float:
        """See Peer.prefill."""
        return tokens / self._first_token(prompt(tokens, self._next()))

    def decode(self, streams: int) -> float:
        """See Peer.decode."""
        for _ in range(streams):
            self._submit(prompt(STREAM_PROMPT, self._next()), STREAM_TOKENS)
        while self._scheduler.running < streams:
            self._scheduler.step()
        before, began = self._scheduler.stats.decode_rows, time.perf_counter()
        while self._scheduler.running == streams:
            self._scheduler.step()
        seconds = time.perf_counter() - began
        rows = self._scheduler.stats.decode_rows - before
        while self._scheduler.busy:
            self._scheduler.step()
        return rows / seconds

    def editor(self, tokens: int) -> float:
        """See Peer.editor."""
        first, *rest = keystrokes(tokens, self._next())
        self._first_token(first)
        return 1e3 * statistics.median(self._first_token(text) for text in rest)

    def _submit(self, tokens: list[int], count: int) -> None:
        self._scheduler.submit(self._next(), Generation(tuple(tokens), count, Sampling()))

    def _first_token(self, tokens: list[int]) -> float:
        began = time.perf_counter()
        self._submit(tokens, 1)
        while self._scheduler.busy:
            self._scheduler.step()
        return time.perf_counter() - began

    def _next(self) -> int:
        self._seed += 1
        return self._seed
