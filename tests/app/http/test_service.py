"""What routes ask of the completion service, and what the request's record says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI, Request

from app.completion.defaults import job_with_defaults, sampling_with_defaults
from app.completion.job import Job, Opened, Outcome, Piece
from app.completion.prompt import PlainPrompt
from app.errors import EngineFailedError
from app.http.disconnect import ClientLeftError
from app.http.request_record import open_record, record_of
from app.http.service import complete_jobs, event_stream, run_jobs, service_of
from tests.app.asking import FOX
from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio


async def staying() -> dict[str, Any]:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("the client stays")


async def leaving() -> dict[str, Any]:
    return {"type": "http.disconnect"}


def asked(app: FastAPI, receive: Any = staying) -> Request:
    scope: dict[str, Any] = {"type": "http", "path": "/complete", "headers": [], "app": app}
    open_record(scope)
    return Request(scope, receive)


def job(request: Request) -> Job:
    service = service_of(request)
    sampling = sampling_with_defaults(service.settings, seed=1)
    return job_with_defaults(service.settings, service.limits, PlainPrompt("x"), sampling)


async def test_the_service_is_that_of_the_application(compose: Callable[..., FastAPI]) -> None:
    app = compose()
    assert service_of(asked(app)) is app.state.service


async def test_what_was_completed_whole_is_noted(compose: Callable[..., FastAPI]) -> None:
    request = asked(compose())
    outcomes = await complete_jobs(request, [job(request), job(request)])
    assert [outcome.choices[0].text for outcome in outcomes] == [FOX, FOX]
    assert record_of(request.scope).outcomes == outcomes


async def test_a_client_that_leaves_ends_the_work(compose: Callable[..., FastAPI]) -> None:
    engine = FakeEngine(pause=60)
    request = asked(compose(engine), leaving)
    with pytest.raises(ClientLeftError):
        await complete_jobs(request, [job(request)])
    assert engine.running == 0
    assert record_of(request.scope).outcomes == ()


async def test_what_was_streamed_is_noted_with_its_outcomes(compose: Callable[..., FastAPI]) -> None:
    request = asked(compose())
    async with aclosing(run_jobs(request, [job(request)])) as events:
        opened, *pieces, outcome = [event async for event in events]
    assert isinstance(opened, Opened)
    assert record_of(request.scope).windows == [opened.window]
    assert all(isinstance(piece, Piece) for piece in pieces)
    assert isinstance(outcome, Outcome)
    assert record_of(request.scope).outcomes == [outcome]


async def test_a_stream_that_fails_notes_nothing(compose: Callable[..., FastAPI]) -> None:
    request = asked(compose(FakeEngine(fail_after=3)))
    with pytest.raises(EngineFailedError):
        async with aclosing(run_jobs(request, [job(request)])) as events:
            _ = [event async for event in events]
    assert record_of(request.scope).facts() == {}


@pytest.mark.parametrize("reading", [False, True])
async def test_a_client_that_leaves_a_stream_frees_its_slot(
    compose: Callable[..., FastAPI], reading: bool
) -> None:
    """Whether it is found while the next piece is awaited, or while the last one is being sent."""
    engine = FakeEngine(pause=0.001 if reading else 60)
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        gone.set()
        await asyncio.get_running_loop().create_future()

    request = asked(compose(engine, profanity="off"), receive)
    response = event_stream(request, run_jobs(request, [job(request)]))
    sending = asyncio.create_task(response(request.scope, receive, send))
    while not engine.running:
        await asyncio.sleep(0)
    if not reading:
        gone.set()
    await sending
    assert engine.running == 0
    assert service_of(request).admission.admitted == 0
    assert record_of(request.scope).left


@pytest.mark.parametrize(
    ("headers", "salt", "same"),
    [
        ([(b"authorization", b"Bearer one")], "", True),
        ([(b"authorization", b"Bearer two")], "", False),
        ([(b"authorization", b"Bearer one")], "mine", False),
        ([], "", False),
    ],
)
async def test_what_is_computed_for_one_key_belongs_to_it(
    compose: Callable[..., FastAPI], headers: list[tuple[bytes, bytes]], salt: str, same: bool
) -> None:
    engine = FakeEngine()
    app = compose(engine)
    service = app.state.service
    sampling = sampling_with_defaults(service.settings)
    job = job_with_defaults(service.settings, service.limits, PlainPrompt("x"), sampling)
    first, second = asked(app), asked(app)
    first.scope["headers"], second.scope["headers"] = [(b"authorization", b"Bearer one")], headers
    await complete_jobs(first, [job])
    await complete_jobs(second, [replace(job, owner=salt)])
    owners = [generation.owner for generation in engine.generations]
    assert (owners[0] == owners[1]) is same
    assert not any("one" in owner or "Bearer" in owner for owner in owners)
