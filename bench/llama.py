"""llama.cpp and its fork as peers, through their C API: nothing of Python in the inner loop."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.work import (
    STREAM_PROMPT,
    STREAM_TOKENS,
    keystrokes,
    negative_log_likelihood,
    passage,
    perplexity,
    prompt,
)

CONTEXT = 512


class Llama:
    """One model and a context for each number of sequences.

    `api` has the functions and structures of llama.h under their own names.
    """

    def __init__(self, api: Any, model: Path, threads: int) -> None:
        self._api = api
        api.llama_log_set(ctypes.cast(_SILENT, ctypes.c_void_p), None)
        api.llama_backend_init()
        self._model = api.llama_model_load_from_file(str(model).encode(), self._options())
        self._vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self._model))
        self._threads = threads
        self._contexts: dict[int, Any] = {}
        self._seed = 0

    def prefill(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        context = self._context(1)
        self._forget(context, 0)
        text = prompt(tokens, self._next())
        began = time.perf_counter()
        self._run(context, text, range(tokens), [0] * tokens)
        self._likeliest(context, -1)
        return tokens / (time.perf_counter() - began)

    def decode(self, streams: int) -> float:
        """See bench.work.WORKS."""
        context = self._context(streams)
        self._forget(context, 0)
        for stream in range(streams):
            text = prompt(STREAM_PROMPT, self._next())
            self._run(context, text, range(STREAM_PROMPT), [stream] * STREAM_PROMPT)
        tokens, began = [5] * streams, time.perf_counter()
        for step in range(STREAM_TOKENS - 1):
            self._run(context, tokens, [STREAM_PROMPT + step] * streams, range(streams), every=True)
            tokens = [self._likeliest(context, n) for n in range(streams)]
        return streams * (STREAM_TOKENS - 1) / (time.perf_counter() - began)

    def editor(self, tokens: int) -> float:
        """See bench.work.WORKS. What the new prompt shares with the last one stays in the cache."""
        context = self._context(1)
        last: list[int] = []
        took = []
        self._forget(context, 0)
        for text in keystrokes(tokens, self._next()):
            began = time.perf_counter()
            pairs = zip(last, text[:-1], strict=False)
            shared = next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(last), len(text) - 1))
            self._forget(context, shared)
            rest = text[shared:]
            self._run(context, rest, range(shared, len(text)), [0] * len(rest))
            self._likeliest(context, -1)
            took.append(time.perf_counter() - began)
            last = text
        return 1e3 * statistics.median(took[1:])

    def perplexity(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        context = self._context(1)
        losses = []
        for window in passage(tokens):
            self._forget(context, 0)
            self._run(context, window, range(len(window)), [0] * len(window), every=True)
            rows = [self._logits(context, n) for n in range(len(window) - 1)]
            losses += negative_log_likelihood(rows, window[1:])
        return perplexity(losses)

    def _options(self) -> Any:
        """How the model is loaded."""
        return self._api.llama_model_default_params()

    def _parameters(self) -> Any:
        """Of a context, before its size is set."""
        return self._api.llama_context_default_params()

    def _context(self, streams: int) -> Any:
        if streams not in self._contexts:
            parameters = self._parameters()
            parameters.n_ctx = CONTEXT * streams
            parameters.n_batch = parameters.n_ubatch = CONTEXT
            parameters.n_threads = parameters.n_threads_batch = self._threads
            parameters.n_seq_max = streams
            self._contexts[streams] = self._api.llama_init_from_model(self._model, parameters)
        return self._contexts[streams]

    def _forget(self, context: Any, start: int) -> None:
        memory = self._api.llama_get_memory(context)
        self._api.llama_memory_seq_rm(memory, -1, start, -1)

    def _run(
        self,
        context: Any,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[int],
        *,
        every: bool = False,
    ) -> None:
        batch = self._api.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for n, (token, position, sequence) in enumerate(zip(tokens, positions, sequences, strict=True)):
            batch.token[n], batch.pos[n], batch.n_seq_id[n] = token, position, 1
            batch.seq_id[n][0] = sequence
            batch.logits[n] = every or n == len(tokens) - 1
        if self._api.llama_decode(context, batch):
            raise RuntimeError("llama_decode failed")
        self._api.llama_synchronize(context)
        self._api.llama_batch_free(batch)

    def _logits(self, context: Any, row: int) -> Any:
        """The logits [V] of a row, until the next call."""
        logits = self._api.llama_get_logits_ith(context, row)
        return np.ctypeslib.as_array(logits, shape=(self._vocabulary,))

    def _likeliest(self, context: Any, row: int) -> int:
        return int(self._logits(context, row).argmax())

    def _next(self) -> int:
        self._seed += 1
        return self._seed


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)  # type: ignore[untyped-decorator]
def _SILENT(level: int, text: bytes, data: Any) -> None:  # noqa: N802  # must outlive every call into the library
    """Swallow the library's log."""
