"""Bytes become a validated model, or an error that repeats nothing of them."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from fastapi import Request, Response
from pydantic import BaseModel, Field, field_validator

from app.errors import InvalidRequestError, UnsupportedMediaTypeError
from app.http.json_route import JsonRoute
from app.http.schemas.fields import Body, Count

pytestmark = pytest.mark.anyio


class Part(Body):
    """A model in a model."""

    size: Count


class Order(Body):
    """A body."""

    name: str
    parts: list[Part] = Field(default=[])

    @field_validator("name")
    @classmethod
    def _no_blank(cls, name: str) -> str:
        if not name.strip():
            raise ValueError("blank")
        return name


class Answer(BaseModel):
    """An answer."""

    total: int


async def add(request: Request, body: Order) -> Answer:
    return Answer(total=sum(part.size for part in body.parts))


async def echo(request: Request, body: Order) -> Response:
    return Response(body.name, status_code=201)


async def post(
    body: bytes,
    endpoint: Any = add,
    content_type: bytes | None = b"application/json",
    coding: tuple[bytes, bytes] = (b"accept", b"*/*"),
) -> list[dict[str, Any]]:
    """What the route sends."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body has been read")

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [] if content_type is None else [coding, (b"content-type", content_type)]
    scope = {"type": "http", "headers": headers, "body": body}
    await JsonRoute("/", endpoint, methods=["POST"]).app(scope, receive, send)
    return sent


async def fault(body: object, **options: Any) -> InvalidRequestError:
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidRequestError) as refusal:
        await post(written, **options)
    return refusal.value


async def test_an_answer_is_written_as_json_with_its_length() -> None:
    start, body = await post(b'{"name": "x", "parts": [{"size": 2}, {"size": 3.0}]}')
    assert body["body"] == b'{"total":5}'
    assert start["status"] == 200
    assert start["headers"] == [(b"content-type", b"application/json"), (b"content-length", b"11")]


async def test_a_response_of_the_endpoints_own_is_sent_as_it_is() -> None:
    start, body = await post(b'{"name": "x"}', endpoint=echo)
    assert (start["status"], body["body"]) == (201, b"x")


@pytest.mark.parametrize(
    "content_type", [b"application/json; charset=utf-8", b"Application/JSON", b"application/json ;x=y"]
)
async def test_json_may_have_parameters(content_type: bytes) -> None:
    assert (await post(b'{"name": "x"}', content_type=content_type))[0]["status"] == 200


@pytest.mark.parametrize(
    "content_type", [None, b"", b"text/plain", b"application/jsonl", b"application/x-json"]
)
async def test_another_media_type_is_refused(content_type: bytes | None) -> None:
    refused = await fault({"name": "x"}, content_type=content_type)
    assert (refused.field, refused.reason) == (
        None,
        "a JSON object with Content-Type: application/json is required",
    )


@pytest.mark.parametrize(
    "coding",
    [
        (b"content-encoding", b"gzip"),
        (b"content-encoding", b"GZIP, identity"),
        (b"content-encoding", b"br"),
        (b"transfer-encoding", b"gzip, chunked"),
    ],
)
async def test_a_compressed_body_is_415(coding: tuple[bytes, bytes]) -> None:
    with pytest.raises(UnsupportedMediaTypeError, match="a body must not be compressed"):
        await post(gzip.compress(b'{"name": "x"}'), coding=coding)


@pytest.mark.parametrize(
    "coding",
    [(b"content-encoding", b"Identity"), (b"content-encoding", b""), (b"transfer-encoding", b"chunked")],
)
async def test_a_body_that_says_that_it_is_plain_is_read(coding: tuple[bytes, bytes]) -> None:
    assert (await post(b'{"name": "x"}', coding=coding))[0]["status"] == 200


async def test_a_byte_order_mark_is_passed_over() -> None:
    assert (await post(b'\xef\xbb\xbf{"name": "x"}', endpoint=echo))[1]["body"] == b"x"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"ok \ud83d", "ok \ufffd"),
        (rb"ok \uDE00!", "ok \ufffd!"),
        (rb"\ud83d\ude00", "😀"),
        (rb"\uD83D\uDE00", "😀"),
        (rb"\ud83d\ud83d\ude00", "\ufffd😀"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\n", "\ufffd\n"),
        (rb"\\ud83d", "\\ud83d"),
        (rb"\\\ud83d", "\\\ufffd"),
        (rb"\"\ud83d", '"\ufffd'),
        (b"\xed\xa0\xbd.", "\ufffd."),
        (b"\xed\x9f\xbf", "\ud7ff"),
        ("퟿ ".encode(), "퟿ "),
    ],
)
async def test_half_a_character_is_a_replacement_character(written: bytes, read: str) -> None:
    _, answer = await post(b'{"name": "%b"}' % written, endpoint=echo)
    assert answer["body"].decode() == read


async def test_an_escape_that_is_not_complete_is_no_json() -> None:
    assert (await fault(rb'{"name": "\ud8"}')).reason.startswith("not valid JSON: ")


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "name", "Field required"),
        ({"name": 7}, "name", "should be a valid string"),
        ({"name": " "}, "name", "blank"),
        (
            {"name": "x", "parts": [{"size": 1}, {"size": 0}]},
            "parts.1.size",
            "should be greater than or equal to 1",
        ),
        ({"name": "x", "parts": [{"size": 1, "sise": 2}]}, "parts.0", "unknown field; is it size?"),
        ({"nam": "x"}, None, "unknown field; is it name?"),
        ({"name": "x", "canary": 1}, None, "unknown field"),
    ],
)
async def test_the_most_precise_fault_is_named_by_its_field(
    body: object, field: str | None, reason: str
) -> None:
    refused = await fault(body)
    assert (refused.field, refused.reason) == (field, reason)


async def test_what_is_no_json_is_said_without_a_field() -> None:
    refused = await fault(b'{"name": canary}')
    assert refused.field is None
    assert refused.reason == "not valid JSON: expected value at line 1 column 10"


async def test_a_very_long_unknown_name_is_compared_by_its_beginning_only() -> None:
    refused = await fault({"name": "x", "n" * 100_000: 1})
    assert refused.message == "unknown field"
