"""POST /complete: the native route."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from fastapi import APIRouter, Request

from app.completion.job import Choice, Job, Outcome, Piece
from app.errors import SupersededError
from app.http.jobs import complete_job
from app.http.json_route import JsonRoute
from app.http.request_record import record_of
from app.http.schemas.complete import (
    STREAMED,
    CompleteAnswer,
    CompletedChoice,
    CompletePiece,
    CompleteRequest,
    choice_report,
    complete_answer,
)
from app.http.schemas.errors import COMPLETION_ERRORS, errors
from app.http.schemas.limit_check import check_limits
from app.http.service import complete_jobs, event_stream, run_jobs, service_of
from app.http.sse import EventStream

router = APIRouter(tags=["completion"], route_class=JsonRoute)


@router.post(
    "/complete",
    summary="Continue a prompt",
    response_model=CompleteAnswer,
    responses={200: STREAMED, **errors(*COMPLETION_ERRORS, SupersededError())},
)
async def complete(request: Request, body: CompleteRequest) -> CompleteAnswer | EventStream:
    """The native route.

    With `"stream": true` the answer is a stream of server-sent events: `CompletePiece`s, then one
    `CompleteAnswer` whose texts are empty, then `[DONE]`. An error after the first event is an event with the
    envelope.
    """
    service = service_of(request)
    check_limits(body, service.limits)
    job = complete_job(body, service.settings, service.limits)
    identity, model = f"cmpl-{record_of(request.scope).request_id}", service.manifest.id
    if body.stream:
        return event_stream(request, _events(request, job, identity, model))
    (outcome,) = await complete_jobs(request, [job])
    choices = [choice_report(choice, choice.finish_reason) for choice in outcome.choices]
    return complete_answer(identity, model, outcome, choices)


async def _events(
    request: Request, job: Job, identity: str, model: str
) -> AsyncGenerator[CompletePiece | CompleteAnswer]:
    """Each piece, then the answer with its texts left out."""
    async with aclosing(run_jobs(request, [job])) as events:
        async for event in events:
            match event:
                case Piece():
                    yield {"id": identity, "choices": [choice_report(event, None)]}
                case Outcome():
                    ends = [_end(choice) for choice in event.choices]
                    yield complete_answer(identity, model, event, ends)


def _end(choice: Choice) -> CompletedChoice:
    """The end of a choice whose text has been streamed."""
    return choice_report(replace(choice, text="", logprobs=None), choice.finish_reason)
