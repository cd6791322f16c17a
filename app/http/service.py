"""What routes ask of the completion service: its outcomes are noted in the request's record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256

from fastapi import Request

from app.completion.job import Event, Job, Opened, Outcome
from app.completion.service import Service
from app.http.disconnect import WhileConnected
from app.http.request_record import record_of
from app.http.schemas.limit_check import check_limits
from app.http.schemas.openai import ignored_fields
from app.http.schemas.sampling import SamplingRequest
from app.http.sse import BareEventStream, EventStream, NamedEventStream


def service_of(request: Request) -> Service:
    """The service that answers a request."""
    service: Service = request.app.state.service
    return service


def check_openai_body(request: Request, body: SamplingRequest) -> None:
    """Check a body's limits, and note which of its fields change nothing: the answer's header names them.

    Raises:
        InvalidRequestError: See `check_limits`.
    """
    check_limits(body, service_of(request).limits)
    record_of(request.scope).ignored = ignored_fields(body)


async def complete_jobs(request: Request, jobs: Sequence[Job]) -> list[Outcome]:
    """Complete jobs for an answer that is sent whole.

    Raises:
        ClientLeftError: The client left before; the work has ended with it.
        ServiceError: See `Service.complete`.
    """
    async with WhileConnected(request.receive):
        outcomes = await service_of(request).complete(_owned(request, jobs))
    record = record_of(request.scope)
    record.outcomes = outcomes
    record.windows += [outcome.window for outcome in outcomes]
    return outcomes


async def run_jobs(request: Request, jobs: Sequence[Job]) -> AsyncGenerator[Event]:
    """Run jobs for an answer that is sent as it is written; see `Service.run`."""
    outcomes: list[Outcome] = []
    record = record_of(request.scope)
    record.outcomes = outcomes
    async with aclosing(service_of(request).run(_owned(request, jobs))) as events:
        async for event in events:
            if isinstance(event, Outcome):
                outcomes.append(event)
            elif isinstance(event, Opened):
                record.windows.append(event.window)
            yield event


def event_stream(request: Request, answers: AsyncGenerator[object]) -> EventStream:
    """An answer that is sent event by event."""
    return EventStream(answers, ping_seconds=service_of(request).settings.ping_seconds)


def bare_event_stream(request: Request, answers: AsyncGenerator[object]) -> BareEventStream:
    """An answer that is sent event by event, and ends with the last of them."""
    return BareEventStream(answers, ping_seconds=service_of(request).settings.ping_seconds)


def named_event_stream(request: Request, answers: AsyncGenerator[object]) -> NamedEventStream:
    """An answer that is sent event by event, each named by its type."""
    return NamedEventStream(answers, ping_seconds=service_of(request).settings.ping_seconds)


def _owned(request: Request, jobs: Sequence[Job]) -> list[Job]:
    """The jobs as those of the request's API key, which has its own sessions and its own part of the caches.

    Else the count of cached tokens would tell what others have asked.
    """
    authorization = request.headers.get("authorization", "")
    key = sha256(authorization.encode()).hexdigest()[:16] if authorization else ""
    return [
        replace(
            job,
            owner=f"{key}/{job.owner}" if key or job.owner else "",
            session=f"{key}/{job.session}" if job.session else "",
        )
        for job in jobs
    ]
