"""Constrained text, at the engine: every answer that ends matches, and is the same whatever else runs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import regex
from jsonschema import Draft202012Validator, FormatChecker

from app.completion.constraint import Constraint, Constraints
from app.engine.batch.grammar import Grammars
from app.engine.batch.sequence import Sequence as EngineSequence
from app.engine.config import EngineConfig
from app.engine.counters import Counters
from app.engine.messages import Failed, Finished, Generation, Sampling, Tokens
from app.engine.worker.offline import offline_config
from app.engine.worker.process import open_scheduler
from app.model.manifest import read_manifest
from app.model.pieces import control_ids, read_vocabulary_of
from app.model.tokenizer import open_text_model
from app.model.vocabulary import Vocabulary
from bench.studies.random_schemas import RandomSchemas
from tests.conftest import ARTIFACTS
from tests.tiny import TinyModel

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "60"))

MODEL = ARTIFACTS / "autocomplete.tflite"

LONGEST = 400
"""Tokens of an answer."""

CLOSING = regex.compile(rb'[\s"\]},:]+')
"""Tokens of these are made likely: random strings would hardly ever end."""

FORMATS = FormatChecker(("email", "ipv4", "uuid"))
"""Dates and times are by a pattern: it knows no leap years."""

CITY = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 30},
        "country": {"enum": ["France", "Italy", "Spain"]},
        "people": {"type": "integer", "minimum": 0, "maximum": 10**7},
        "old": {"type": "boolean"},
    },
    "required": ["city", "country", "people", "old"],
    "additionalProperties": False,
}


def grammar_of(kind: Any, text: str) -> str:
    return asyncio.run(Constraints().of(Constraint(kind, text, "field")))


def vocabulary_of(tiny: TinyModel) -> Vocabulary:
    return read_vocabulary_of(tiny.path, tiny.manifest.vocabulary_size, control_ids(tiny.manifest))


class RandomTexts:
    """Writes texts with random logits over a real vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._grammars = Grammars(vocabulary, Counters())
        closing = [CLOSING.fullmatch(piece) is not None for piece in vocabulary.pieces]
        self._likely = np.array(closing, np.float32) * 12

    def write(self, grammar: str, seed: int) -> tuple[str, str | None]:
        """A text, and why it ended."""
        rng = np.random.Generator(np.random.PCG64(seed))
        sampling = Sampling(temperature=1.0, seed=seed)
        generation = Generation((1,), LONGEST, sampling, stop_ids=(0,), grammar=grammar)
        sequence = EngineSequence.of(1, generation, 0.0, self._vocabulary)
        sequence.matcher = self._grammars.open(grammar, b"").result()
        while not sequence.ended:
            logits = rng.standard_normal(len(self._likely), np.float32) * 2
            sequence.choose(logits + self._likely)
        assert not sequence.failed, sequence.report.end
        written = b"".join(self._vocabulary.pieces[token] for token in sequence.tokens[1 : sequence.length])
        return written.decode(), sequence.ended


def test_every_answer_that_ends_is_valid(tiny_model: TinyModel) -> None:
    texts, drawn, ended = RandomTexts(vocabulary_of(tiny_model)), RandomSchemas(seed=7), 0
    for seed in range(EXAMPLES):
        schema = drawn.schema()
        text, reason = texts.write(grammar_of("json_schema", json.dumps(schema)), seed)
        if reason == "stop":
            ended += 1
            validator = Draft202012Validator(schema, format_checker=FORMATS)
            assert [error.message for error in validator.iter_errors(json.loads(text))] == [], (schema, text)
    assert ended >= 0.9 * EXAMPLES


@pytest.mark.parametrize(
    "pattern", [r"[A-Z][a-z]{2,9}( [A-Z][a-z]{2,9})?", r"(\+[0-9]{2} )?[0-9]{6,9}", r"é{3}|☃{1,9}!"]
)
def test_every_text_that_ends_matches_its_pattern(tiny_model: TinyModel, pattern: str) -> None:
    texts, grammar = RandomTexts(vocabulary_of(tiny_model)), grammar_of("regex", pattern)
    found = [texts.write(grammar, seed) for seed in range(10)]
    assert all(regex.fullmatch(pattern, text) for text, reason in found if reason == "stop")
    assert len({text for text, reason in found if reason == "stop"}) > 1


def run(
    config: EngineConfig, generations: Sequence[Generation], *, together: bool = True
) -> list[tuple[list[int], str]]:
    """Tokens and ends of generations that are submitted together, or one after the other."""
    scheduler, found = open_scheduler(config), [(list[int](), [""]) for _ in generations]
    for number, generation in enumerate(generations):
        scheduler.submit(number, generation)
        while scheduler.busy and (not together or number == len(generations) - 1):
            for message in scheduler.step():
                assert not isinstance(message, Failed), message
                if isinstance(message, Tokens):
                    found[message.number][0].extend(message.ids)
                elif isinstance(message, Finished):
                    found[message.number][1][0] = message.reason
    return [(tokens, reason) for tokens, (reason,) in found]


def asked(tokenizer: Any, ends: tuple[int, ...], count: int) -> Iterator[Generation]:
    """Generations with constraints and without, greedy and sampled, some with something typed."""
    drawn = RandomSchemas(seed=3)
    grammars = [
        grammar_of("json_schema", json.dumps(CITY)),
        "",
        grammar_of("choice", '["yes", "no", "yesterday"]'),
        grammar_of("regex", r"(item [0-9]: [a-z]{3,9}\n){2,5}"),
        grammar_of("json_schema", json.dumps(drawn.schema())),
    ]
    for number in range(count):
        prompt = tuple(tokenizer.tokenize(f"Name number {number % 4} of the cities in Europe:"))
        sampling = Sampling(temperature=0.8 * (number % 2), seed=number)
        typed = b" T" if number % 3 == 0 else b""
        grammar = grammars[number % len(grammars)]
        yield Generation(prompt, 40, sampling, ends, 8, typed, grammar=grammar)


def test_a_seed_gives_one_text_whatever_else_runs(tiny_model: TinyModel, text_ops: Path) -> None:
    manifest = tiny_model.manifest
    tokenizer = open_text_model(tiny_model.path, text_ops, "litert")
    generations = list(asked(tokenizer, manifest.end_ids, 10))

    def config(*, drafting: bool, cache_bytes: int = 2**26) -> EngineConfig:
        ids = control_ids(manifest)
        return tiny_model.config(control_ids=ids, drafting=drafting, cache_bytes=cache_bytes, slots=6)

    alone = run(config(drafting=False, cache_bytes=0), generations, together=False)
    assert run(config(drafting=False), generations) == alone
    for drafting in (False, True):
        twice = run(config(drafting=drafting), [*generations, *generations], together=False)
        assert twice == alone * 2


@pytest.mark.slow
def test_the_models_own_answers_are_valid(text_ops: Path) -> None:
    manifest = read_manifest(MODEL)
    tokenizer = open_text_model(MODEL, text_ops, "litert")
    config = offline_config(MODEL, manifest, threads=2, prefill_chunk=64, cache_bytes=2**28)
    schemas = [CITY, *(RandomSchemas(seed).schema() for seed in range(11))]
    generations = [
        Generation(
            tuple(tokenizer.tokenize(f"As JSON by the schema {json.dumps(schema)[:300]}:\n")),
            120,
            Sampling(temperature=0.7 * (number % 2), seed=number),
            manifest.end_ids,
            16,
            grammar=grammar_of("json_schema", json.dumps(schema)),
        )
        for number, schema in enumerate(schemas)
    ]
    batch = run(config, generations)
    for schema, (tokens, reason) in zip(schemas, batch, strict=True):
        if reason == "stop":
            Draft202012Validator(schema).validate(json.loads(tokenizer.detokenize(tokens)))
    assert batch[0][1] == "stop"
    assert run(config, generations, together=False) == batch
