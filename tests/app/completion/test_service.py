"""A request's jobs side by side, under one permit, over the scripted engine."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from fastapi import FastAPI

from app.completion.defaults import job_with_defaults, sampling_with_defaults
from app.completion.job import Event, Job, Outcome, Piece
from app.completion.prompt import PlainPrompt
from app.completion.service import Service
from app.errors import ContentFilterError, EngineFailedError, OverloadedError
from tests.app.asking import FOX
from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio

Compose = Callable[..., FastAPI]


def serving(compose: Compose, engine: FakeEngine, **settings: Any) -> Service:
    service: Service = compose(engine, **settings).state.service
    return service


def job(service: Service, prompt: str = "The quick brown fox", **fields: Any) -> Job:
    sampling = sampling_with_defaults(service.settings, seed=1)
    return job_with_defaults(service.settings, service.limits, PlainPrompt(prompt), sampling, **fields)


async def read(service: Service, jobs: list[Job]) -> list[Event]:
    async with aclosing(service.run(jobs)) as events:
        return [event async for event in events]


def text_of(events: list[Event], index: int) -> str:
    return "".join(event.text for event in events if isinstance(event, Piece) and event.index == index)


async def test_pieces_come_as_they_are_ready_and_the_outcome_last(compose: Compose) -> None:
    service = serving(compose, FakeEngine())
    *pieces, outcome = await read(service, [job(service)])
    assert len(pieces) > 1
    assert text_of(pieces, 0) == FOX
    assert isinstance(outcome, Outcome)
    assert outcome.choices[0].text == FOX


async def test_the_choices_of_all_jobs_are_numbered_consecutively(compose: Compose) -> None:
    service = serving(compose, FakeEngine(scripts=[" a", " b", " c"]))
    events = await read(service, [job(service, choices=2), job(service)])
    first, second = (event for event in events if isinstance(event, Outcome))
    assert [choice.index for choice in first.choices] == [0, 1]
    assert [choice.index for choice in second.choices] == [2]
    for choice in (*first.choices, *second.choices):
        assert text_of(events, choice.index) == choice.text
    assert events[-2:] == [first, second]


async def test_a_whole_completion_is_what_a_stream_adds_up_to(compose: Compose) -> None:
    service = serving(compose, FakeEngine())
    (outcome,) = await service.complete([job(service)])
    assert outcome.choices[0].text == text_of(await read(service, [job(service)]), 0)


async def test_a_seed_of_each_job_begins_anew(compose: Compose) -> None:
    engine = FakeEngine()
    service = serving(compose, engine)
    await service.complete([job(service, choices=2), job(service, choices=2)])
    assert [generation.sampling.seed for generation in engine.generations] == [1, 2, 1, 2]


async def test_closing_the_iterator_frees_slot_and_permit(compose: Compose) -> None:
    engine = FakeEngine(pause=0.001)
    service = serving(compose, engine)
    async with aclosing(service.run([job(service)])) as events:
        await anext(events)
        assert (engine.running, service.admission.admitted) == (1, 1)
    assert (engine.running, service.admission.admitted) == (0, 0)


@pytest.mark.parametrize("streamed", [False, True])
async def test_cancelling_the_reader_frees_slot_and_permit(compose: Compose, streamed: bool) -> None:
    engine = FakeEngine(pause=60)
    service = serving(compose, engine)
    jobs = [job(service, choices=2)]
    reader = asyncio.create_task(read(service, jobs) if streamed else service.complete(jobs))
    while engine.running < 2:
        await asyncio.sleep(0)
    assert service.admission.admitted == 2
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert (engine.running, service.admission.admitted) == (0, 0)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_request_over_the_capacity_is_refused_before_any_work(
    compose: Compose, streamed: bool
) -> None:
    engine = FakeEngine()
    service = serving(compose, engine, slots=2, queue_size=0)
    jobs = [job(service, choices=2), job(service)]
    with pytest.raises(OverloadedError):
        await (read(service, jobs) if streamed else service.complete(jobs))
    assert (engine.generations, service.admission.admitted) == ([], 0)


async def test_the_permit_is_back_when_the_outcome_comes(compose: Compose) -> None:
    service = serving(compose, FakeEngine())
    async with aclosing(service.run([job(service)])) as events:
        admitted = [(isinstance(event, Outcome), service.admission.admitted) async for event in events]
    assert set(admitted[:-1]) == {(False, 1)}
    assert admitted[-1] == (True, 0)


async def test_an_error_comes_after_the_pieces_before_it(compose: Compose) -> None:
    engine = FakeEngine(fail_after=9)
    service = serving(compose, engine, profanity="off")
    pieces: list[Event] = []
    with pytest.raises(EngineFailedError):
        async with aclosing(service.run([job(service)])) as events:
            async for event in events:
                pieces.append(event)  # noqa: PERF401 - what came before the error counts
    assert text_of(pieces, 0) == " jumps ov"
    assert engine.running == 0


async def test_a_reader_that_is_slow_holds_no_slot_of_the_engine(compose: Compose) -> None:
    engine = FakeEngine()
    service = serving(compose, engine)
    async with aclosing(service.run([job(service)])) as events:
        await anext(events)
        while engine.running:
            await asyncio.sleep(0)
        rest = [event async for event in events]
    assert isinstance(rest[-1], Outcome)


async def test_a_deadline_ends_the_job_and_not_its_reader(compose: Compose) -> None:
    engine = FakeEngine(pause=0.01)
    service = serving(compose, engine, profanity="off")
    async with aclosing(service.run([job(service, timeout_ms=50)])) as events:
        first = await anext(events)
        while engine.running:
            await asyncio.sleep(0.001)  # outside of the iterator, where the deadline finds the reader
        *rest, outcome = [event async for event in events]
    assert isinstance(outcome, Outcome)
    (choice,) = outcome.choices
    assert choice.finish_reason == "timeout"
    assert text_of([first, *rest], 0) == choice.text != FOX


async def test_a_request_that_fails_leaves_nothing_for_the_garbage_collector(compose: Compose) -> None:
    service = serving(compose, FakeEngine())
    refused = [job(service, "what the fuck")]

    async def run() -> None:
        with pytest.raises(ContentFilterError):
            await read(service, refused)
        await asyncio.sleep(0)

    await run()
    gc.collect()
    gc.disable()
    try:
        await run()
        assert gc.collect() == 0
    finally:
        gc.enable()
