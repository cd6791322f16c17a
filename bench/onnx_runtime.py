"""ONNX Runtime GenAI as a peer, through its Python package."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime_genai as genai

from bench.work import (
    STREAM_PROMPT,
    STREAM_TOKENS,
    WINDOW,
    keystrokes,
    negative_log_likelihood,
    passage,
    perplexity,
    prompt,
)


class OnnxRuntime:
    """One model; a generator for each batch."""

    def __init__(self, folder: Path, threads: int) -> None:
        config = genai.Config(str(folder))
        options = {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
        config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
        self._model = genai.Model(config)
        self._seed = 0

    def prefill(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        generator, text = self._generator(1), prompt(tokens, self._next())
        began = time.perf_counter()
        self._first_token(generator, text)
        return tokens / (time.perf_counter() - began)

    def decode(self, streams: int) -> float:
        """See bench.work.WORKS."""
        generator = self._generator(streams)
        self._first_token(generator, *(prompt(STREAM_PROMPT, self._next()) for _ in range(streams)))
        began = time.perf_counter()
        for _ in range(STREAM_TOKENS - 1):
            generator.generate_next_token()
        return streams * (STREAM_TOKENS - 1) / (time.perf_counter() - began)

    def editor(self, tokens: int) -> float:
        """See bench.work.WORKS. What the new prompt shares with the last one stays in the cache."""
        generator, last, took = self._generator(1), list[int](), []
        for text in keystrokes(tokens, self._next()):
            pairs = zip(last, text[:-1], strict=False)
            shared = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(last), len(text) - 1))
            began = time.perf_counter()
            generator.rewind_to(shared)
            self._first_token(generator, text[shared:])
            took.append(time.perf_counter() - began)
            last = text
        return 1e3 * statistics.median(took[1:])

    def perplexity(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        losses = list[float]()
        for window in passage(tokens):
            generator = self._generator(1)
            generator.append_tokens(np.array([window], np.int32))
            rows = generator.get_output("logits")[0]
            losses += negative_log_likelihood(rows[:-1], window[1:])
        return perplexity(losses)

    def _generator(self, batch: int) -> Any:
        parameters = genai.GeneratorParams(self._model)
        # As many tokens at least as at most: nothing ends early.
        parameters.set_search_options(
            batch_size=batch, max_length=WINDOW + 1, min_length=WINDOW + 1, do_sample=False
        )
        return genai.Generator(self._model, parameters)

    def _first_token(self, generator: Any, *texts: list[int]) -> None:
        generator.append_tokens(np.array(texts, np.int32))
        generator.generate_next_token()
        generator.get_next_tokens()

    def _next(self) -> int:
        self._seed += 1
        return self._seed
