"""Our engine as a peer: the scheduler with all that a served request pays for, in one process."""

from __future__ import annotations

import statistics
import time
from collections import deque
from pathlib import Path

from app.engine.messages import Finished, Generation, Sampling, Tokens
from app.engine.worker.offline import offline_config
from app.engine.worker.process import open_scheduler
from app.model.manifest import read_manifest
from app.model.tokenizer import open_text_model
from app.settings import Settings
from bench.server import FIRST_REPEATS
from bench.work import REQUESTS, STREAM_PROMPT, STREAM_TOKENS, keystrokes, passage, perplexity, prompt, text


class Ours:
    """Counts seeds upward, so that no prompt begins as an earlier one."""

    def __init__(self, model: Path, threads: int) -> None:
        manifest = read_manifest(model)
        config = offline_config(
            model,
            manifest,
            runtime="litert",
            threads=threads,
            slots=16,
            cache_bytes=64 * 2**20,
            control_ids=(),
        )
        self._scheduler = open_scheduler(config)
        self._text = open_text_model(model, model.parent / "text_ops", "litert")
        self._end_ids = manifest.end_ids
        self._penalty = Settings.model_fields["default_repetition_penalty"].default
        self._seed = 0

    def prefill(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        return tokens / self._first_token(prompt(tokens, self._next()))

    def decode(self, streams: int) -> float:
        """See bench.work.WORKS."""
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
        """See bench.work.WORKS."""
        first, *rest = keystrokes(tokens, self._next())
        self._first_token(first)
        return 1e3 * statistics.median(self._first_token(text) for text in rest)

    def closed(self, clients: int) -> float:
        """What the server's clients would get if there were no server: the engine alone on their prompts."""
        requests = clients * (REQUESTS if clients > 1 else 2 * REQUESTS)
        prompts = deque(text(STREAM_PROMPT, self._next()) for _ in range(requests))
        sampling = Sampling(repetition_penalty=self._penalty)
        waiting = deque(
            Generation(tuple(self._text.tokenize(prompt)), STREAM_TOKENS, sampling, self._end_ids)
            for prompt in prompts
        )
        before, began = self._scheduler.stats.decode_rows, time.perf_counter()
        busy = 0
        while waiting or self._scheduler.busy:
            while waiting and busy < clients:
                self._scheduler.submit(self._next(), waiting.popleft())
                busy += 1
            busy -= sum(isinstance(message, Finished) for message in self._scheduler.step())
        tokens = self._scheduler.stats.decode_rows - before + requests  # prefill gives the first of each
        return tokens / (time.perf_counter() - began)

    def streamed(self, clients: int) -> float:
        """The same: without a server there is no difference."""
        return self.closed(clients)

    def first(self, tokens: int) -> float:
        """Median milliseconds of prefill and one step, which gives the second token."""
        took = []
        for _ in range(FIRST_REPEATS):
            ids = self._text.tokenize(text(tokens, self._next()))
            began = time.perf_counter()
            self._submit(ids, 2)
            while self._scheduler.busy:
                self._scheduler.step()
            took.append(time.perf_counter() - began)
        return 1e3 * statistics.median(took)

    def perplexity(self, tokens: int) -> float:
        """See bench.work.WORKS. The passage is scored as a request with `echo` and `logprobs` scores it."""
        losses, windows = list[float](), passage(tokens)
        for first, *rest in windows:
            sampling = Sampling(logprobs=0)
            self._scheduler.submit(
                self._next(), Generation((first,), len(rest), sampling, forced=tuple(rest))
            )
        while self._scheduler.busy:
            for message in self._scheduler.step():
                if isinstance(message, Tokens):
                    losses += [-logprob.chosen for logprob in message.logprobs]
        return perplexity(losses)

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
