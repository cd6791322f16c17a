from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.errors import EngineFailedError, InvalidRequestError
from app.http.request_record import open_record
from app.http.sse import EventStream, NamedEventStream

pytestmark = pytest.mark.anyio


def scope() -> dict[str, Any]:
    made: dict[str, Any] = {"type": "http", "path": "/complete", "headers": []}
    open_record(made)
    return made


async def staying() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


async def two_answers() -> AsyncGenerator[str]:
    yield "one"
    yield "two"


def stream(answers: AsyncGenerator[str], ping_seconds: float = 60) -> EventStream:
    return EventStream(answers, ping_seconds=ping_seconds)


async def sent_by(answer: EventStream) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await answer(scope(), staying, send)
    return sent


async def test_events_are_sent_one_by_one_and_then_done() -> None:
    start, *bodies = await sent_by(stream(two_answers()))
    assert start["status"] == 200
    assert (b"cache-control", b"no-store, no-transform") in start["headers"]
    assert [body["body"] for body in bodies] == [b'data: "one"\n\n', b'data: "two"\n\n', b"data: [DONE]\n\n"]
    assert [body["more_body"] for body in bodies] == [True, True, False]


async def test_pings_keep_a_waiting_stream_open() -> None:
    async def slow() -> AsyncGenerator[str]:
        await asyncio.sleep(0.12)
        yield "one"

    _, *bodies = await sent_by(stream(slow(), ping_seconds=0.05))
    assert [body["body"] for body in bodies] == [b": ping\n\n"] * 2 + [
        b'data: "one"\n\n',
        b"data: [DONE]\n\n",
    ]


async def test_an_error_before_the_first_event_is_raised() -> None:
    async def failing() -> AsyncGenerator[str]:
        raise EngineFailedError
        yield

    with pytest.raises(EngineFailedError):
        await sent_by(stream(failing()))


async def test_an_unexpected_error_after_the_first_event_is_an_event_too() -> None:
    async def failing() -> AsyncGenerator[str]:
        yield "one"
        raise RuntimeError("secret")

    request = scope()
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await stream(failing())(request, staying, send)
    _, _, error, done = sent
    assert request["record"].error == "internal_error"
    assert b'"internal_error"' in error["body"]
    assert b"secret" not in error["body"]
    assert done["body"] == b"data: [DONE]\n\n"


async def test_a_client_that_leaves_cancels_the_work() -> None:
    cancelled = False

    async def endless() -> AsyncGenerator[str]:
        nonlocal cancelled
        try:
            await asyncio.sleep(60)
            yield "never"
        except asyncio.CancelledError:
            cancelled = True
            raise

    async def leaving() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pytest.fail("nobody reads")

    request = scope()
    await stream(endless())(request, leaving, send)
    assert cancelled
    assert request["record"].left


async def named(*types: str, error: Exception | None = None) -> AsyncGenerator[object]:
    for name in types:
        yield {"type": name}
    if error is not None:
        raise error


async def test_named_events_are_numbered_and_the_last_ends_the_stream() -> None:
    _, *bodies = await sent_by(NamedEventStream(named("a", "b"), ping_seconds=60))
    assert b"".join(body["body"] for body in bodies) == (
        b'event: a\ndata: {"type":"a","sequence_number":0}\n\n'
        b'event: b\ndata: {"type":"b","sequence_number":1}\n\n'
    )
    assert [body["more_body"] for body in bodies] == [True, True, False]


async def test_an_error_among_named_events_is_one_of_them() -> None:
    error = InvalidRequestError("input", "too long")
    _, *bodies = await sent_by(NamedEventStream(named("a", error=error), ping_seconds=60))
    assert bodies[1]["body"] == (
        b'event: error\ndata: {"type":"error","code":"invalid_request","message":"input: too long",'
        b'"param":"input","sequence_number":1}\n\n'
    )
