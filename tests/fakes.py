"""A scripted engine and a one-byte-a-token text model: the whole HTTP surface without weights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from app.engine.interface import State
from app.engine.messages import Alternative, Finished, Generation, Logprob, Prefilled, Score, Stats, Tokens
from app.errors import EngineFailedError, NotReadyError
from app.model.manifest import Manifest, SignatureSpec, TensorSpec

END = 256
"""The token that ends a text; the others are bytes."""


class ByteTokenizer:
    """Each byte of UTF-8 is a token."""

    def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def detokenize(self, ids: Sequence[int]) -> bytes:
        return bytes(number for number in ids if number < END)


class FakeSteps:
    """Tokens of one scripted text, a pause before each."""

    def __init__(self, generation: Generation, script: bytes, engine: FakeEngine) -> None:
        self.prefilled: Prefilled | None = None
        self.finished: Finished | None = None
        self._generation = generation
        room = generation.max_tokens - len(generation.forced)
        self._ids = iter((*generation.forced, *script[:room]))
        self._reason = "length" if len(script) > room else "stop"
        self._engine = engine

    def __aiter__(self) -> FakeSteps:
        return self

    async def __anext__(self) -> Tokens:
        if self._engine.pause or self.prefilled is None:  # without a pause it answers in the loop's next turn
            await asyncio.sleep(self._engine.pause)
        self._engine.fail_after -= 1
        if self._engine.fail_after == -1:
            raise EngineFailedError
        self.prefilled = Prefilled(1, 2, 0.001, 0.002)
        for number in self._ids:
            self._engine.count_token()
            scores = (Score(-0.25, -0.125),) if self._generation.scores else ()
            if self._generation.sampling.logprobs is None:
                return Tokens(1, (number,), (), scores)
            return Tokens(1, (number,), (Logprob(-0.5, ((number, -0.5), (ord("x"), -1.5))),), scores)
        self.finished = Finished(1, self._reason, alternatives=self._alternatives())
        raise StopAsyncIteration

    def _alternatives(self) -> tuple[Alternative, ...]:
        texts = [self._generation.typed + text.encode() for text in self._engine.other_scripts]
        wanted = texts[: self._generation.alternatives]
        scores = (Score(-0.25, -0.125),)
        return tuple(Alternative(tuple(t), scores * len(t), 0.5 / n) for n, t in enumerate(wanted, 1))


@dataclass
class FakeEngine:
    """Answers each generation with the next script, and with the last one over and over."""

    scripts: list[str] = field(default_factory=lambda: [" jumps over the lazy dog."])
    other_scripts: list[str] = field(default_factory=list)
    pause: float = 0.0
    fail_after: int = -1
    state: State = "ready"
    trouble: str | None = None
    restarts: int = 0
    slots: int = 2
    pid: int | None = None
    runtime: tuple[str, str] = ("fake", "1.0")
    stats: Stats = field(default_factory=Stats)
    running: int = 0
    generations: list[Generation] = field(default_factory=list)

    async def start(self) -> None:
        """Ready at once."""

    async def stop(self) -> None:
        """Nothing to end."""

    def count_token(self) -> None:
        """As an engine counts what its steps compute."""
        stats = self.stats
        self.stats = replace(stats, decode_steps=stats.decode_steps + 1, decode_rows=stats.decode_rows + 1)

    @asynccontextmanager
    async def generate(self, generation: Generation) -> AsyncIterator[FakeSteps]:
        if self.state != "ready":
            raise NotReadyError
        script = self.scripts[min(len(self.generations), len(self.scripts) - 1)]
        self.generations.append(generation)
        self.running += 1
        try:
            yield FakeSteps(generation, generation.typed + script.encode(), self)
        finally:
            self.running -= 1


CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message.role + ': ' + message.content + '\n' }}{% endfor %}assistant:"
)


def tiny_manifest(chat_template: str | None = CHAT_TEMPLATE) -> Manifest:
    text = TensorSpec(shape=(1,), dtype="string")
    return Manifest(
        id="tiny",
        file="tiny.tflite",
        sha256="ab" * 32,
        bytes=1000,
        source="made up",
        licence="Apache-2.0",
        quantization="none",
        target="litert",
        architecture="llama",
        parameters=1000,
        sequence_length=256,
        default_window=128,
        vocabulary_size=257,
        layers=1,
        heads=1,
        kv_heads=1,
        head_size=8,
        end_ids=(END,),
        chat_template=chat_template,
        special_tokens={"<|end|>": END},
        signatures={"serving_default": SignatureSpec(inputs={"prompt": text}, outputs={"output_0": text})},
        custom_ops=("TFText>ByteSplit",),
        text_ops={},
        tools={},
    )


def infill_manifest() -> Manifest:
    """The same of a model that fills in: the first control characters are its tokens for it."""
    roles = {"prefix": 1, "suffix": 2, "middle": 3, "pad": 4, "repository": 5, "file": 6}
    return tiny_manifest().model_copy(update={"infill_tokens": roles})
