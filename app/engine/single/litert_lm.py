"""Runs a `.litertlm` through the package `litert-lm-api`, to be compared with.

The package takes and gives text, so token ids are turned into text before and after. It holds one session
at a time and releases the GIL.
"""

from __future__ import annotations

from typing import Any

from app.engine.config import EngineConfig
from app.engine.messages import Generation, Sampling
from app.engine.single.scheduler import Work, Writing
from app.model.foreign.json_tokenizer import JsonTokenizer, read_tokenizer
from app.model.kinds import LiteRtLm
from app.model.shape import ModelShape

EVERYTHING = 2**20
"""A top_k that keeps every token: the package takes none to mean greedy."""


class LiteRtLmWriter:
    """Implements app.engine.single.Writer over an engine of the package."""

    def __init__(self, package: Any, engine: Any, tokenizer: JsonTokenizer, shape: ModelShape) -> None:
        self._package = package
        self._engine = engine
        self._tokenizer = tokenizer
        self._shape = shape

    @property
    def shape(self) -> ModelShape:
        """Sizes of the decoder."""
        return self._shape

    def write(self, generation: Generation) -> Writing:
        """See Writer.write."""
        prompt = self._tokenizer.detokenize(generation.prompt).decode(errors="replace")
        count = 0
        with self._engine.create_session(
            apply_prompt_template=False,
            sampler_config=self._sampler(generation.sampling),
            max_output_tokens=generation.max_tokens,
        ) as session:
            session.run_prefill([prompt])
            yield Work(prefilled=len(generation.prompt))
            pieces = session.run_decode_async()
            try:
                for piece in pieces:
                    ids = tuple(self._tokenizer.tokenize(piece.texts[0]))
                    count += len(ids)
                    yield Work(ids=ids)
            except GeneratorExit:
                session.cancel_process()
                for _ in pieces:
                    """The stream must be read to its end, also after it was cancelled."""
                raise
        return "length" if count >= generation.max_tokens else "stop"

    def _sampler(self, sampling: Sampling) -> Any:
        greedy = sampling.temperature == 0
        return self._package.SamplerConfig(
            top_k=1 if greedy else sampling.top_k or EVERYTHING,
            top_p=sampling.top_p,
            temperature=1.0 if greedy else sampling.temperature,
            seed=sampling.seed % 2**31,
        )


def open_litert_lm(config: EngineConfig, described: LiteRtLm) -> LiteRtLmWriter:
    """Load the file with the package, which keeps its packed weights in the cache folder too."""
    import litert_lm

    litert_lm.set_min_log_severity(litert_lm.LogSeverity.ERROR)
    engine = litert_lm.Engine(
        str(config.model),
        backend=litert_lm.Backend.CPU(thread_count=config.threads),
        cache_dir=str(config.cache_folder),
    )
    tokenizer = read_tokenizer(str(config.model), described.tokenizer, config.shape.vocabulary)
    return LiteRtLmWriter(litert_lm, engine, tokenizer, config.shape)
