"""LiteRT-LM as a peer, through its Python package. It takes text: prompts are words of one token each."""

from __future__ import annotations

import re
import statistics
import time
from pathlib import Path

import litert_lm

from bench.work import STREAM_PROMPT, STREAM_TOKENS, VOCABULARY, keystrokes, prompt

WORD = re.compile(" [a-z]{3,9}")


class LiteRtLm:
    """One engine; a session for each prompt, since none can be rewound."""

    def __init__(self, path: Path, threads: int) -> None:
        litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
        cache = path.parent / "litert-lm"
        cache.mkdir(exist_ok=True)
        self._engine = litert_lm.Engine(
            str(path),
            backend=litert_lm.Backend.CPU(thread_count=threads),
            cache_dir=str(cache),
            enable_benchmark=True,
        )
        spelled = [self._engine.detokenize([number]) for number in range(1000, 6000)]
        self._words = [word for word in spelled if WORD.fullmatch(word)]
        self._start = 0 if self._engine.bos_token_id is None else 1
        self._seed = 0

    def prefill(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        return tokens / self._first_token(prompt(tokens, self._next()))

    def decode(self, streams: int) -> float:
        """See bench.work.WORKS. The streams are written one after the other: there is no batch."""
        tokens, seconds = 0, 0.0
        for _ in range(streams):
            with self._session(STREAM_TOKENS) as session:
                session.run_prefill([self._spell(prompt(STREAM_PROMPT, self._next()))])
                began = time.perf_counter()
                session.run_decode()
                seconds += time.perf_counter() - began
                tokens += session.get_benchmark_info().last_decode_token_count
        return tokens / seconds

    def editor(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        first, *rest = keystrokes(tokens, self._next())
        self._first_token(first)
        return 1e3 * statistics.median(self._first_token(text) for text in rest)

    def _first_token(self, tokens: list[int]) -> float:
        text = self._spell(tokens)
        with self._session(1) as session:
            began = time.perf_counter()
            session.run_prefill([text])
            session.run_decode()
            seconds = time.perf_counter() - began
            counted = session.get_benchmark_info().last_prefill_token_count
        if counted != len(tokens):
            raise RuntimeError(f"LiteRT-LM counted {counted} tokens, not {len(tokens)}")
        return seconds

    def _session(self, tokens: int) -> litert_lm.Session:
        greedy = litert_lm.SamplerConfig(top_k=1, top_p=1.0, temperature=1.0, seed=1)
        return self._engine.create_session(
            apply_prompt_template=False, sampler_config=greedy, max_output_tokens=tokens
        )

    def _spell(self, tokens: list[int]) -> str:
        """A text of so many tokens, the start that the engine puts before it included."""
        return "".join(
            self._words[number * len(self._words) // VOCABULARY] for number in tokens[self._start :]
        )

    def _next(self) -> int:
        self._seed += 1
        return self._seed
