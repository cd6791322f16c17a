"""What routes ask of the completion service: its outcomes are noted in the request's record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from fastapi import Request

from app.completion.job import Event, Job, Outcome
from app.completion.service import Service
from app.http.disconnect import WhileConnected
from app.http.request_record import record_of
from app.http.sse import EventStream


def service_of(request: Request) -> Service:
    """The service that answers a request."""
    service: Service = request.app.state.service
    return service


async def complete_jobs(request: Request, jobs: Sequence[Job]) -> list[Outcome]:
    """Complete jobs for an answer that is sent whole.

    Raises:
        ClientLeftError: The client left before; the work has ended with it.
        ServiceError: See `Service.complete`.
    """
    async with WhileConnected(request.receive):
        outcomes = await service_of(request).complete(jobs)
    record_of(request.scope).outcomes = outcomes
    return outcomes


async def run_jobs(request: Request, jobs: Sequence[Job]) -> AsyncGenerator[Event]:
    """Run jobs for an answer that is sent as it is written; see `Service.run`."""
    outcomes: list[Outcome] = []
    record_of(request.scope).outcomes = outcomes
    async with aclosing(service_of(request).run(jobs)) as events:
        async for event in events:
            if isinstance(event, Outcome):
                outcomes.append(event)
            yield event


def event_stream(request: Request, answers: AsyncGenerator[object]) -> EventStream:
    """An answer that is sent event by event."""
    return EventStream(answers, ping_seconds=service_of(request).settings.ping_seconds)
