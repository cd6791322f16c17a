"""OpenVINO GenAI as a peer, through its Python package. It reads the GGUF itself."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import openvino_genai as genai

from bench.work import (
    STREAM_PROMPT,
    STREAM_TOKENS,
    keystrokes,
    negative_log_likelihood,
    passage,
    perplexity,
    prompt,
)


class OpenVino:
    """One pipeline with continuous batching, paged attention and a prefix cache."""

    def __init__(self, model: Path, threads: int) -> None:
        self._model = model
        scheduler = genai.SchedulerConfig()
        scheduler.cache_size = 1
        scheduler.enable_prefix_caching = True
        self._pipeline = genai.ContinuousBatchingPipeline(
            str(model), scheduler, "CPU", {"INFERENCE_NUM_THREADS": threads}
        )
        self._seed = 0

    def prefill(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        text = prompt(tokens, self._next())
        began = time.perf_counter()
        self._generate([text], 1)
        return tokens / (time.perf_counter() - began)

    def decode(self, streams: int) -> float:
        """See bench.work.WORKS. What a prompt takes is measured apart, and taken off."""
        texts = [prompt(STREAM_PROMPT, self._next()) for _ in range(streams)]
        began = time.perf_counter()
        self._generate(texts, 1)
        first = time.perf_counter()
        self._generate([prompt(STREAM_PROMPT, self._next()) for _ in range(streams)], STREAM_TOKENS)
        seconds = time.perf_counter() - first - (first - began)
        return streams * (STREAM_TOKENS - 1) / seconds

    def editor(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        took = []
        for text in keystrokes(tokens, self._next()):
            began = time.perf_counter()
            self._generate([text], 1)
            took.append(time.perf_counter() - began)
        return 1e3 * statistics.median(took[1:])

    def perplexity(self, tokens: int) -> float:
        """See bench.work.WORKS. The pipeline gives no logits, but writes down the model that it has made."""
        folder = self._model.parent.parent / "openvino"
        folder.mkdir(exist_ok=True)
        saved = folder / "openvino_model.xml"
        if not saved.exists():
            link = folder / self._model.name
            link.unlink(missing_ok=True)
            link.symlink_to(self._model.resolve())
            genai.LLMPipeline(str(link), "CPU", enable_save_ov_model=True)
        compiled, losses = openvino.Core().compile_model(str(saved), "CPU"), list[float]()
        for window in passage(tokens):
            ids, places = np.array([window], np.int64), np.arange(len(window), dtype=np.int64)[None]
            asked = {"input_ids": ids, "attention_mask": np.ones_like(ids), "position_ids": places}
            found = compiled.create_infer_request().infer(asked | {"beam_idx": np.zeros(1, np.int32)})
            losses += negative_log_likelihood(found["logits"][0][:-1], window[1:])
        return perplexity(losses)

    def _generate(self, texts: list[list[int]], tokens: int) -> Any:
        options = genai.GenerationConfig()
        options.max_new_tokens, options.ignore_eos, options.do_sample = tokens, True, False
        inputs = [openvino.Tensor(np.array([text], np.int64)) for text in texts]
        return self._pipeline.generate(inputs, [options] * len(inputs))

    def _next(self) -> int:
        self._seed += 1
        return self._seed
