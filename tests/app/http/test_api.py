"""Every field of every body, given what it cannot hold: an error by its name, or an answer; never a fault."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from app.http.api import BODIES
from app.http.schemas.chat import ChatRequest
from app.http.schemas.complete import CompleteRequest
from app.http.schemas.completions import CompletionRequest
from app.http.schemas.infill import InfillRequest
from app.http.schemas.openai import WithoutEffect
from app.http.schemas.responses import ResponseRequest
from app.http.schemas.text import DetokenizeRequest, ModerateRequest, TokenizeRequest
from tests.app.conftest import Serve
from tests.fakes import infill_manifest

pytestmark = pytest.mark.anyio

ROUTES: dict[type[BaseModel], tuple[str, dict[str, Any]]] = {
    CompleteRequest: ("/complete", {"prompt": "x"}),
    CompletionRequest: ("/v1/completions", {"model": "m", "prompt": "x"}),
    InfillRequest: ("/infill", {"input_prefix": "x", "input_suffix": ""}),
    ChatRequest: ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
    ResponseRequest: ("/v1/responses", {"model": "m", "input": "x"}),
    TokenizeRequest: ("/tokenize", {"text": "x"}),
    DetokenizeRequest: ("/detokenize", {"ids": [1]}),
    ModerateRequest: ("/moderate", {"text": "x"}),
}
"""Where a body is sent, and the least of it."""

CANARY = "canary-7f3a"
NO_FIELD: list[Any] = [{CANARY: [None]}]
"""What no field can hold."""

ODD = [
    *(b"%d" % -1, b"9" * 400, b"9" * 5000, b"1e400", b"-1e400", b"NaN", b"-Infinity", b"0.5", b"true"),
    *(b'""', b'"\\u0000"', b'"\\ud83d"', b'"' + b"a" * 9000 + b'"', b"{}", b'{"a": NaN}', b"[]", b"[[]]"),
    *(b"[1e308]", b"[" * 150 + b"]" * 150, b'{"a": %b}' % (b"9" * 5000), b"[" * 30_000),
]
"""JSON that some field can hold, and most cannot."""

FIELDS = [
    pytest.param(model, name, field.metadata, id=f"{model.__name__}.{name}")
    for model in BODIES
    for name, field in model.model_fields.items()
]


def named(error: dict[str, Any]) -> str | None:
    field: str | None = error.get("field", error.get("param"))
    return field


def full(beginning: bytes, item: bytes, end: bytes) -> bytes:
    """A body as long as any may be, of one item again and again."""
    return beginning + item * ((65_536 - len(beginning) - len(end)) // len(item)) + end


CONTENT = b',{"role":"user","content":[' + b",".join([b"{}"] * 64) + b"]}"
MANY_FAULTS: dict[str, tuple[type[BaseModel], bytes]] = {
    "prompts that are empty": (CompletionRequest, full(b'{"model":"m","prompt":[""', b',""', b"]}")),
    "lists that are empty": (CompletionRequest, full(b'{"model":"m","prompt":[[]', b",[]", b"]}")),
    "ids below 0": (CompletionRequest, full(b'{"model":"m","prompt":[-1', b",-1", b"]}")),
    "lists of ids below 0": (CompletionRequest, full(b'{"model":"m","prompt":[[-1]', b",[-1]", b"]}")),
    "token ids": (DetokenizeRequest, b'{"ids":[' + b",".join([b"-1"] * 8000) + b"]}"),
    "choices": (CompleteRequest, b'{"prompt":"x","guided_choice":[' + b",".join([b'""'] * 1000) + b"]}"),
    "messages": (ChatRequest, full(b'{"model":"m","messages":[{}', b",{}", b"]}")),
    "parts": (ChatRequest, full(b'{"model":"m","messages":[{}', CONTENT, b"]}")),
    "input": (ResponseRequest, full(b'{"model":"m","input":[{}', b",{}", b"]}")),
    "snippets": (
        InfillRequest,
        full(b'{"input_prefix":"","input_suffix":"","input_extra":[{}', b",{}", b"]}"),
    ),
    "biases": (
        CompletionRequest,
        b'{"model":"m","prompt":"x","logit_bias":{'
        + b",".join(b'"a%d":999' % number for number in range(5000))
        + b"}}",
    ),
}


@pytest.mark.parametrize("name", MANY_FAULTS)
async def test_a_body_of_many_faults_is_reported_by_few(name: str) -> None:
    model, body = MANY_FAULTS[name]
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(body)
    assert caught.value.error_count() <= 4


async def test_a_token_has_one_bias(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post(
            "/v1/completions", json={"model": "m", "prompt": "x", "logit_bias": {"1": 1, "01": 1}}
        )
    assert (answer.status_code, named(answer.json()["error"])) == (400, "logit_bias")


async def test_every_body_has_a_route() -> None:
    assert ROUTES.keys() == set(BODIES)


@pytest.mark.parametrize(("model", "field", "marks"), FIELDS)
async def test_a_field_that_holds_what_it_cannot_is_named(
    serve: Serve, model: type[BaseModel], field: str, marks: list[Any]
) -> None:
    route, least = ROUTES[model]
    async with serve(manifest=infill_manifest()) as client:
        answer = await client.post(route, json=least | {field: NO_FIELD})
    if any(isinstance(mark, WithoutEffect) for mark in marks):
        assert answer.status_code == 200
        return
    assert answer.status_code == (400 if route.startswith("/v1/") else 422)
    assert (named(answer.json()["error"]) or "").split(".")[0] == field
    assert CANARY not in answer.text


@pytest.mark.parametrize(("model", "field", "marks"), FIELDS)
async def test_no_value_of_a_field_is_a_fault_of_ours(
    serve: Serve, model: type[BaseModel], field: str, marks: list[Any]
) -> None:
    route, least = ROUTES[model]
    rest = b"".join(b', "%b": %b' % (name.encode(), to_json(value)) for name, value in least.items())
    async with serve(manifest=infill_manifest()) as client:
        for value in ODD:
            body = b'{"%b": %b%b}' % (field.encode(), value, rest if field not in least else b"")
            answer = await client.post(route, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in (200, 400, 422), (value[:20], answer.text)
            if answer.status_code != 200:
                assert (named(answer.json()["error"]) or field).split(".")[0] in (field, *least), value[:20]
            assert b"NaN" not in answer.content


async def test_the_document_is_made_beside_the_event_loop(
    compose: Callable[..., FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, threads = compose(), list[int]()

    def made() -> dict[str, Any]:
        threads.append(threading.get_ident())
        return {"openapi": "3.1.0"}

    monkeypatch.setattr(app, "openapi", made)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        answer = await client.get("/openapi.json")
    assert answer.json() == {"openapi": "3.1.0"}
    assert len(threads) == 1
    assert threads != [threading.get_ident()]
