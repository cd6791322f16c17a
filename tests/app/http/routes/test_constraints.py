"""Constrained texts, over the scripted engine: what reaches it, and what is refused before."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.engine.messages import Generation
from app.errors import GrammarFailedError
from app.model.vocabulary import Vocabulary
from tests.app.asking import complete, events
from tests.app.conftest import Serve
from tests.fakes import FakeEngine, FakeSteps

pytestmark = pytest.mark.anyio

VOCABULARY = Vocabulary.of([*(bytes([number]) for number in range(256)), b""])
ROUTES: dict[str, dict[str, Any]] = {
    "/complete": {"prompt": "The answer is "},
    "/v1/completions": {"model": "any", "prompt": "The answer is "},
    "/v1/chat/completions": {"model": "any", "messages": [{"role": "user", "content": "Yes or no?"}]},
}
CHOICE = {"guided_choice": ["yes", "no"]}


@pytest.mark.parametrize("route", ROUTES)
async def test_a_constraint_reaches_the_engine_as_a_grammar(serve: Serve, route: str) -> None:
    engine = FakeEngine(scripts=["yes"])
    async with serve(engine, vocabulary=VOCABULARY) as client:
        answer = await client.post(route, json=ROUTES[route] | CHOICE)
        assert answer.status_code == 200, answer.text
        metrics = (await client.get("/metrics")).text
    (generation,) = engine.generations
    assert json.loads(generation.grammar) == {"lark_grammar": 'start: "yes" | "no"'}
    assert generation.sampling.repetition_penalty == 1.0
    assert 'autocomplete_constrained_total{kind="choice"} 1.0' in metrics


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_cannot_be_honoured_never_reaches_it(serve: Serve, route: str, stream: bool) -> None:
    engine = FakeEngine()
    async with serve(engine, vocabulary=VOCABULARY) as client:
        format_ = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"not": {"type": "null"}}}}
        answer = await client.post(route, json=ROUTES[route] | {"response_format": format_, "stream": stream})
    error = answer.json()["error"]
    assert answer.status_code == (422 if route == "/complete" else 400)
    assert error.get("field", error.get("param")) == "response_format"
    assert "not" in error["message"]
    assert engine.generations == []


@pytest.mark.parametrize("route", ROUTES)
async def test_a_file_whose_tokens_are_not_known_refuses_it_by_name(serve: Serve, route: str) -> None:
    async with serve() as client:
        answer = await client.post(route, json=ROUTES[route] | CHOICE)
        free = await client.post(route, json=ROUTES[route] | {"response_format": {"type": "text"}})
    error = answer.json()["error"]
    assert answer.status_code == (422 if route == "/complete" else 400)
    assert error.get("field", error.get("param")) == "guided_choice"
    assert free.status_code == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_a_constrained_text_is_not_cut_at_a_word(serve: Serve, stream: bool) -> None:
    engine = FakeEngine(scripts=['{"name": "Ada Lovel'])
    async with serve(engine, vocabulary=VOCABULARY) as client:
        asked = {"response_format": {"type": "json_object"}, "max_tokens": 18, "suffix": "name"}
        if stream:
            found = await events(client, **asked)
            choices = [choice for event in found for choice in event["choices"]]
            assert "".join(choice["text"] for choice in choices) == '{"name": "Ada Love'
            end = choices[-1]
        else:
            (end,) = (await complete(client, **asked))["choices"]
            assert end["text"] == '{"name": "Ada Love'
    assert end["finish_reason"] == "length"
    assert "confidence" not in end


@pytest.mark.parametrize(
    ("field", "value"),
    [("until", "word"), ("min_confidence", 0.5), ("alternatives", 1), ("phrases", ["Kestrel House"])],
)
async def test_what_would_cut_it_is_refused_beside_a_constraint(serve: Serve, field: str, value: Any) -> None:
    async with serve(vocabulary=VOCABULARY) as client:
        answer = await client.post("/complete", json=ROUTES["/complete"] | CHOICE | {field: value})
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field
    assert answer.json()["error"]["message"].endswith("not together with guided_choice")


async def test_what_asks_for_nothing_is_accepted_beside_a_constraint(serve: Serve) -> None:
    nothing = {"until": "token", "min_confidence": 0.0, "alternatives": 0, "phrases": []}
    async with serve(FakeEngine(scripts=["yes"]), vocabulary=VOCABULARY) as client:
        (choice,) = (await complete(client, **CHOICE, **nothing))["choices"]
    assert choice["text"] == "yes"


async def test_what_was_typed_is_written_before_the_constraint(serve: Serve) -> None:
    engine = FakeEngine(scripts=["no"])
    async with serve(engine, vocabulary=VOCABULARY) as client:
        (choice,) = (await complete(client, prompt="Room 12", **CHOICE))["choices"]
    (generation,) = engine.generations
    assert (generation.typed, bytes(generation.prompt)) == (b"2", b"Room 1")
    assert (choice["text"], choice["healed"]) == ("no", 1)


async def test_a_penalty_that_a_request_names_holds(serve: Serve) -> None:
    engine = FakeEngine(scripts=["yes"])
    async with serve(engine, vocabulary=VOCABULARY) as client:
        route = "/v1/completions"
        await client.post(route, json=ROUTES[route] | CHOICE | {"repetition_penalty": 1.25})
    assert engine.generations[0].sampling.repetition_penalty == 1.25


class CostlyGrammar(FakeEngine):
    """Finds each grammar too costly for its tokens."""

    @asynccontextmanager
    async def generate(self, generation: Generation) -> AsyncIterator[FakeSteps]:
        assert generation.grammar
        raise GrammarFailedError("too many states")
        yield


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_too_costly_for_the_engine_is_refused_alike(
    serve: Serve, route: str, stream: bool
) -> None:
    async with serve(CostlyGrammar(), vocabulary=VOCABULARY) as client:
        answer = await client.post(route, json=ROUTES[route] | CHOICE | {"stream": stream})
    error = answer.json()["error"]
    assert answer.status_code == (422 if route == "/complete" else 400)
    assert error["message"] == "guided_choice: cannot be honoured: too many states"
