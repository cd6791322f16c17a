"""POST /infill and GET /props: what llama.cpp's plugins for editors ask of its server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.completion.job import Choice, Job, Outcome, Piece
from app.errors import UnauthorizedError
from app.http.jobs import infill_job
from app.http.json_route import JsonRoute
from app.http.schemas.errors import COMPLETION_ERRORS, errors
from app.http.schemas.infill import (
    INFILL_STREAMED,
    InfillAnswer,
    InfillRequest,
    chosen_fields,
    infill_answer,
    infill_piece,
)
from app.http.service import bare_event_stream, check_openai_body, complete_jobs, run_jobs, service_of
from app.http.sse import EventStream

router = APIRouter(tags=["completion"])
json_router = APIRouter(tags=["completion"], route_class=JsonRoute)


@json_router.post(
    "/infill",
    summary="Fill in the text at a caret, in llama.cpp's shape",
    response_model=InfillAnswer | list[InfillAnswer],
    responses={200: INFILL_STREAMED, **errors(*COMPLETION_ERRORS)},
)
async def infill(
    request: Request, body: InfillRequest
) -> dict[str, Any] | list[dict[str, Any]] | EventStream:
    """Fill in the middle; several completions are a list. With `"stream": true` as server-sent events."""
    service = service_of(request)
    check_openai_body(request, body)
    job = infill_job(body, service.settings, service.limits)
    if body.stream:
        return bare_event_stream(request, _events(request, body, job))
    (outcome,) = await complete_jobs(request, [job])
    answers = [_answer(request, body, job, outcome, choice, choice.text) for choice in outcome.choices]
    return answers if len(answers) > 1 else answers[0]


async def _events(request: Request, body: InfillRequest, job: Job) -> AsyncGenerator[dict[str, Any]]:
    """Each piece, then the answer of each choice without its text."""
    async with aclosing(run_jobs(request, [job])) as events:
        async for event in events:
            match event:
                case Piece():
                    yield chosen_fields(infill_piece(event), body.response_fields)
                case Outcome():
                    for choice in event.choices:
                        yield _answer(request, body, job, event, choice, "")


def _answer(
    request: Request, body: InfillRequest, job: Job, outcome: Outcome, choice: Choice, content: str
) -> dict[str, Any]:
    manifest = service_of(request).manifest
    answer = infill_answer(manifest.id, manifest.sequence_length, job.sampling, outcome, choice, content)
    return chosen_fields(answer, body.response_fields)


class ContextSize(BaseModel):
    """Of a slot."""

    n_ctx: int


class Props(BaseModel):
    """What a plugin sizes its requests by."""

    default_generation_settings: ContextSize
    total_slots: int
    model_alias: str


@router.get(
    "/props", summary="Context and slots, in llama.cpp's shape", responses=errors(UnauthorizedError())
)
async def props(request: Request) -> Props:
    """How long prompt and completion may be together, and how many requests run side by side."""
    service = service_of(request)
    return Props(
        default_generation_settings=ContextSize(n_ctx=service.manifest.sequence_length),
        total_slots=service.engine.slots,
        model_alias=service.manifest.id,
    )
