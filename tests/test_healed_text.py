"""Healed text, at the engine: what the float32 reference gives by the same rule, however it is computed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from app.completion.healing import Healer
from app.engine.batch.word_search import WordSearch, is_uncertain
from app.engine.config import EngineConfig
from app.engine.kv.arrays import Floats
from app.engine.messages import Failed, Generation, Sampling, Tokens
from app.engine.worker.offline import offline_config
from app.engine.worker.process import open_scheduler
from app.model.manifest import Manifest, read_manifest
from app.model.pieces import control_ids, read_vocabulary_of
from app.model.tokenizer import open_text_model
from app.model.vocabulary import Vocabulary
from bench.typing.texts import project_texts
from models.checkpoint.architecture import Checkpoint
from models.checkpoint.numpy_decoder import Reference
from tests.conftest import ARTIFACTS
from tests.tiny import TinyModel

COUNT = 8
"""New tokens of a prompt."""

BYTES = 160
"""Most bytes of a text before it is cut."""

MODEL = ARTIFACTS / "autocomplete.tflite"

Prompt = tuple[tuple[int, ...], bytes]
"""Token ids, and the bytes that the text must go on with."""


class Prompts:
    """Texts of the typing measurement, cut at random bytes, as the engine is given them."""

    def __init__(self, model: Path, manifest: Manifest, text_ops: Path) -> None:
        self.vocabulary = read_vocabulary_of(model, manifest.vocabulary_size, control_ids(manifest))
        self._tokenizer = open_text_model(model, text_ops, "litert")
        self._healer = Healer(self.vocabulary, self._tokenizer, manifest)
        self._start = manifest.end_ids[:1]

    def drawn(self, count: int, seed: int = 1) -> list[Prompt]:
        rng, texts = random.Random(seed), [text.body.encode()[:BYTES] for text in project_texts()]
        return [self._cut(data, rng.randrange(1, len(data))) for data in rng.choices(texts, k=count)]

    def split(self, text: str) -> Prompt:
        healed = self._healer.split(text)
        ids = [*self._tokenizer.tokenize(healed.before), *healed.ids]
        return tuple(ids) or self._start, healed.typed

    def _cut(self, data: bytes, at: int) -> Prompt:
        """A cut inside a character leaves its first bytes behind what was typed."""
        text = data[:at].decode(errors="ignore")
        ids, typed = self.split(text)
        return ids, typed + data[len(text.encode()) : at]


def reference_logits(checkpoint: Checkpoint) -> Callable[[tuple[int, ...]], Floats]:
    """Logits [V] behind a sequence, in float32."""
    reference = Reference(checkpoint)

    @lru_cache(maxsize=4096)
    def logits(tokens: tuple[int, ...]) -> Floats:
        reference.reset()
        positions = np.arange(len(tokens))
        x = reference.embed(tokens, positions)
        for layer in range(checkpoint.architecture.layers):
            x = reference.layer(layer, x, positions)
        return np.asarray(reference.head(x[-1:])[0], np.float32)

    return logits


def healed(
    logits: Callable[[tuple[int, ...]], Floats], vocabulary: Vocabulary, prompt: Prompt, ends: Sequence[int]
) -> list[int]:
    """Greedy tokens that begin with what is typed; the first word is searched where it is uncertain."""
    ids, typed = prompt
    written, following = list[int](), None
    if typed and is_uncertain(vocabulary, typed, logits(ids)):
        search = WordSearch(vocabulary, typed, 1, COUNT)
        search.start(logits(ids))
        while search.live:
            search.advance([logits((*ids, *word.tokens)) for word in search.live])
        words = [found for found in search.ranked() if len(found.word.tokens) <= COUNT]
        if words:
            written, typed = list(words[0].word.tokens), b""
            following = vocabulary.ending if words[0].logits is not None else None
    while len(written) < COUNT:
        values = logits((*ids, *written))
        if typed:
            covers = vocabulary.covers(typed)
            allowed = covers if len(covers) else vocabulary.shorter(typed)[-1:]
        else:
            allowed = np.arange(len(values), dtype=np.int32) if following is None else following
        token = int(min(allowed[values[allowed] == values[allowed].max()]))
        if token in ends:
            break
        written.append(token)
        typed, following = typed[len(vocabulary.pieces[token]) :], None
    return written


def run(config: EngineConfig, generations: Sequence[Generation], *, together: bool = True) -> list[list[int]]:
    """The tokens of generations that are submitted together, or one after the other."""
    scheduler, found = open_scheduler(config), [list[int]() for _ in generations]
    for number, generation in enumerate(generations):
        scheduler.submit(number, generation)
        while scheduler.busy and (not together or number == len(generations) - 1):
            for message in scheduler.step():
                assert not isinstance(message, Failed), message
                if isinstance(message, Tokens):
                    found[message.number] += message.ids
    return found


@pytest.mark.parametrize("count", [40, pytest.param(500, marks=pytest.mark.slow)])
def test_healed_greedy_text_is_the_references(tiny_model: TinyModel, text_ops: Path, count: int) -> None:
    manifest = tiny_model.manifest
    prompts = Prompts(tiny_model.path, manifest, text_ops)
    logits = reference_logits(tiny_model.checkpoint)
    asked = prompts.drawn(count)
    generations = [
        Generation(ids, COUNT, stop_ids=manifest.end_ids, typed=typed, stream_interval=COUNT)
        for ids, typed in asked
    ]
    config = tiny_model.config(control_ids=control_ids(manifest), cache_bytes=2**26)
    found = run(config, generations)
    expected = [healed(logits, prompts.vocabulary, prompt, manifest.end_ids) for prompt in asked]
    assert [pair for pair in zip(found, expected, strict=True) if pair[0] != pair[1]] == []
    spelled = [b"".join(prompts.vocabulary.pieces[token] for token in tokens) for tokens in found]
    assert all(
        text[: len(typed)] == typed[: len(text)] for text, (_, typed) in zip(spelled, asked, strict=True)
    )


def test_a_piece_that_no_other_token_begins_with_gives_what_the_unhealed_prompt_gives(
    tiny_model: TinyModel,
) -> None:
    manifest = tiny_model.manifest
    vocabulary = read_vocabulary_of(tiny_model.path, manifest.vocabulary_size, control_ids(manifest))
    alone = [n for n, piece in enumerate(vocabulary.pieces) if piece and len(vocabulary.covers(piece)) == 1]
    before = (17, 400, 2000)
    tokens = random.Random(3).sample(alone, 12)
    config = tiny_model.config(control_ids=control_ids(manifest))
    retyped = run(config, [Generation(before, COUNT, typed=vocabulary.pieces[token]) for token in tokens])
    unhealed = run(config, [Generation((*before, token), COUNT - 1) for token in tokens])
    assert retyped == [[token, *rest] for token, rest in zip(tokens, unhealed, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_seed_gives_one_healed_text_whatever_else_runs(text_ops: Path, temperature: float) -> None:
    manifest = read_manifest(MODEL)
    prompts = Prompts(MODEL, manifest, text_ops)
    generations = [
        Generation(ids, 16, Sampling(temperature, seed=number), manifest.end_ids, 16, typed)
        for number, (ids, typed) in enumerate(prompts.drawn(8, seed=5))
    ]

    def config(*, drafting: bool) -> EngineConfig:
        return offline_config(
            MODEL, manifest, threads=2, prefill_chunk=64, cache_bytes=2**28, drafting=drafting
        )

    batch = run(config(drafting=False), generations)
    for drafting in (False, True):
        assert run(config(drafting=drafting), generations, together=False) == batch
