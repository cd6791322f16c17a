from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from app.engine.batch.grammar import Grammars
from app.engine.counters import Counters
from app.model.vocabulary import Vocabulary
from bench.studies.constraints import LARGEST, compile_milliseconds, schema_texts
from bench.studies.random_schemas import RandomSchemas

BYTES = Vocabulary.of([bytes([byte]) for byte in range(256)])


def test_a_seed_draws_the_same_schemas() -> None:
    one, other = RandomSchemas(seed=5), RandomSchemas(seed=5)
    drawn = [one.schema() for _ in range(50)]
    assert drawn == [other.schema() for _ in range(50)]
    assert len({json.dumps(schema) for schema in drawn}) > 40
    for schema in drawn:
        Draft202012Validator.check_schema(schema)


def test_schemas_of_all_sizes_up_to_the_largest_are_compiled() -> None:
    texts = schema_texts(40)
    assert max(map(len, texts)) <= LARGEST
    assert max(map(len, texts)) > LARGEST / 2
    assert min(map(len, texts)) < 300
    grammars = Grammars(BYTES, Counters())
    assert all(not grammars.open(text, b"").result().complete for text in texts)


def test_what_compiling_takes_is_told_in_milliseconds() -> None:
    found = compile_milliseconds(BYTES, 10)
    assert found["schemas"] == 10
    assert 0 < found["p50"] <= found["p95"] <= found["most"]
