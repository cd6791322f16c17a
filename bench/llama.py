"""llama.cpp as a peer, through the C API in llama-cpp-python: nothing of Python in its inner loop."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from bench.work import STREAM_PROMPT, STREAM_TOKENS, keystrokes, prompt

CONTEXT = 512
FILE_TYPES = {"Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, "Q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0}


def requantize(source: Path, kind: str, target: Path) -> Path:
    """The same weights in one of llama.cpp's formats, by its own quantizer; made once."""
    if not target.exists():
        part = target.with_name(f".{target.name}.part")
        options = llama_cpp.llama_model_quantize_default_params()
        options.ftype = FILE_TYPES[kind]
        options.allow_requantize = True
        status = llama_cpp.llama_model_quantize(
            str(source).encode(), str(part).encode(), ctypes.byref(options)
        )
        if status:
            raise RuntimeError(f"{source}: llama.cpp's quantizer returned {status}")
        part.replace(target)
    return target


class Llama:
    """One model and a context for each number of sequences."""

    def __init__(self, model: Path, threads: int) -> None:
        llama_cpp.llama_log_set(_SILENT, None)
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_model_default_params()
        self._model = llama_cpp.llama_model_load_from_file(str(model).encode(), parameters)
        self._vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self._model))
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

    def _context(self, streams: int) -> Any:
        if streams not in self._contexts:
            parameters = llama_cpp.llama_context_default_params()
            parameters.n_ctx = CONTEXT * streams
            parameters.n_batch = parameters.n_ubatch = CONTEXT
            parameters.n_threads = parameters.n_threads_batch = self._threads
            parameters.n_seq_max = streams
            self._contexts[streams] = llama_cpp.llama_init_from_model(self._model, parameters)
        return self._contexts[streams]

    def _forget(self, context: Any, start: int) -> None:
        memory = llama_cpp.llama_get_memory(context)
        llama_cpp.llama_memory_seq_rm(memory, -1, start, -1)

    def _run(
        self,
        context: Any,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[int],
        *,
        every: bool = False,
    ) -> None:
        batch = llama_cpp.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for n, (token, position, sequence) in enumerate(zip(tokens, positions, sequences, strict=True)):
            batch.token[n], batch.pos[n], batch.n_seq_id[n] = token, position, 1
            batch.seq_id[n][0] = sequence
            batch.logits[n] = every or n == len(tokens) - 1
        if llama_cpp.llama_decode(context, batch):
            raise RuntimeError("llama_decode failed")
        llama_cpp.llama_synchronize(context)
        llama_cpp.llama_batch_free(batch)

    def _likeliest(self, context: Any, row: int) -> int:
        logits = llama_cpp.llama_get_logits_ith(context, row)
        return int(np.ctypeslib.as_array(logits, shape=(self._vocabulary,)).argmax())

    def _next(self) -> int:
        self._seed += 1
        return self._seed


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator, unused-ignore]
def _SILENT(level: int, text: bytes, data: Any) -> None:  # noqa: N802  # must outlive every call into the library
    """Swallow the library's log."""
