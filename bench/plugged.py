"""Our engine as a peer on a foreign decoder: one sequence at a time."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from app.engine.config import EngineConfig
from app.engine.messages import Generation, Tokens
from app.engine.worker.process import open_scheduler
from app.model.foreign.loader import open_model
from app.model.shape import model_shape
from app.settings import Settings
from bench.work import STREAM_PROMPT, STREAM_TOKENS, keystrokes, prompt


class Plugged:
    """Counts seeds upward, so that no prompt begins as an earlier one."""

    def __init__(self, path: Path, threads: int) -> None:
        served = open_model(Settings(model=path))
        config = EngineConfig(
            model=path,
            digest=served.manifest.sha256,
            runtime="litert",
            shape=model_shape(served.manifest),
            threads=threads,
            slots=1,
            prefill_chunk=128,
            cache_bytes=0,
            cache_folder=path.parent,
            foreign=served.foreign,
        )
        self._scheduler = open_scheduler(config)
        self._seed = 0

    def prefill(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        return tokens / self._first_token(prompt(tokens, self._next()))

    def decode(self, streams: int) -> float:
        """See bench.work.WORKS. The streams are written one after the other."""
        seconds = 0.0
        for _ in range(streams):
            self._scheduler.submit(0, Generation(tuple(prompt(STREAM_PROMPT, self._next())), STREAM_TOKENS))
            self._until_token()
            began = time.perf_counter()
            self._drain()
            seconds += time.perf_counter() - began
        return streams * (STREAM_TOKENS - 1) / seconds

    def editor(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        first, *rest = keystrokes(tokens, self._next())
        self._first_token(first)
        return 1e3 * statistics.median(self._first_token(text) for text in rest)

    def _first_token(self, tokens: list[int]) -> float:
        began = time.perf_counter()
        self._scheduler.submit(0, Generation(tuple(tokens), 1))
        self._until_token()
        seconds = time.perf_counter() - began
        self._drain()
        return seconds

    def _until_token(self) -> None:
        while not any(isinstance(message, Tokens) for message in self._scheduler.step()):
            """One more chunk of the prompt."""

    def _drain(self) -> None:
        while self._scheduler.busy:
            self._scheduler.step()

    def _next(self) -> int:
        self._seed += 1
        return self._seed
