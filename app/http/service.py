"""What routes ask of the completion service: its outcomes are noted in the request's record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256

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
        outcomes = await service_of(request).complete(_owned(request, jobs))
    record_of(request.scope).outcomes = outcomes
    return outcomes


async def run_jobs(request: Request, jobs: Sequence[Job]) -> AsyncGenerator[Event]:
    """Run jobs for an answer that is sent as it is written; see `Service.run`."""
    outcomes: list[Outcome] = []
    record_of(request.scope).outcomes = outcomes
    async with aclosing(service_of(request).run(_owned(request, jobs))) as events:
        async for event in events:
            if isinstance(event, Outcome):
                outcomes.append(event)
            yield event


def event_stream(request: Request, answers: AsyncGenerator[object]) -> EventStream:
    """An answer that is sent event by event."""
    return EventStream(answers, ping_seconds=service_of(request).settings.ping_seconds)


def _owned(request: Request, jobs: Sequence[Job]) -> list[Job]:
    """The jobs as those of the request's API key: what is computed for one key is not found by another.

    Else the count of cached tokens would tell what others have asked.
    """
    authorization = request.headers.get("authorization", "")
    key = sha256(authorization.encode()).hexdigest()[:16] if authorization else ""
    return [replace(job, owner=f"{key}/{job.owner}" if key or job.owner else "") for job in jobs]
