"""POST /v1/completions: OpenAI's shape over the same pipeline."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from fastapi import APIRouter, Request

from app.completion.job import Choice, Job, Outcome, Piece
from app.http.jobs import completion_jobs
from app.http.json_route import JsonRoute
from app.http.request_record import record_of
from app.http.schemas.completions import Completion, CompletionChoice, CompletionRequest
from app.http.schemas.errors import COMPLETION_ERRORS, openai_errors
from app.http.schemas.openai import OPENAI_STREAMED, OpenAIUsage, fingerprint, openai_reason
from app.http.schemas.window import WindowReport, window_report
from app.http.service import check_openai_body, complete_jobs, event_stream, run_jobs, service_of
from app.http.sse import EventStream

router = APIRouter(tags=["openai"], route_class=JsonRoute)


@router.post(
    "/v1/completions",
    summary="Continue prompts, in OpenAI's shape",
    response_model=Completion,
    responses={200: OPENAI_STREAMED, **openai_errors(*COMPLETION_ERRORS)},
)
async def completions(request: Request, body: CompletionRequest) -> Completion | EventStream:
    """Continue one prompt or several; with `"stream": true` as server-sent events."""
    service = service_of(request)
    check_openai_body(request, body)
    jobs = completion_jobs(body, service.settings, service.limits, service.tokenizer)
    answer = Completion(
        id=f"cmpl-{record_of(request.scope).request_id}",
        created=int(time.time()),
        model=service.manifest.id,
        system_fingerprint=fingerprint(service.manifest),
        choices=[],
    )
    if body.stream:
        return event_stream(request, _events(request, body, jobs, answer))
    outcomes = await complete_jobs(request, jobs)
    echoed = _echoed_characters(jobs)
    choices = [
        CompletionChoice.of(choice, openai_reason(choice.finish_reason), echoed[choice.index])
        for outcome in outcomes
        for choice in outcome.choices
    ]
    window = _window(outcomes)
    return answer.model_copy(update={"choices": choices, "usage": OpenAIUsage.of(outcomes), "window": window})


async def _events(
    request: Request, body: CompletionRequest, jobs: Sequence[Job], answer: Completion
) -> AsyncGenerator[Completion]:
    """Each piece, the end of each choice, and the token counts where they are asked for."""
    echoed = _echoed_characters(jobs)
    outcomes: list[Outcome] = []
    async with aclosing(run_jobs(request, jobs)) as events:
        async for event in events:
            match event:
                case Piece():
                    choice = CompletionChoice.of(event, None, echoed[event.index])
                    yield answer.model_copy(update={"choices": [choice]})
                case Outcome():
                    outcomes.append(event)
    for outcome in outcomes:
        for end in outcome.choices:
            choice = _end(end, echoed[end.index])
            yield answer.model_copy(update={"choices": [choice], "window": window_report(outcome.window)})
    if body.includes_usage:
        yield answer.model_copy(update={"usage": OpenAIUsage.of(outcomes)})


def _window(outcomes: Sequence[Outcome]) -> WindowReport:
    """What was cut from the prompt that lost most."""
    return window_report(max((outcome.window for outcome in outcomes), key=lambda window: window.dropped))


def _end(choice: Choice, echoed: int) -> CompletionChoice:
    return CompletionChoice.of(Piece(choice.index, ""), openai_reason(choice.finish_reason), echoed)


def _echoed_characters(jobs: Sequence[Job]) -> list[int]:
    """Characters of the prompt with which the text of each choice begins."""
    return [len(job.prompt.text) if job.echo else 0 for job in jobs for _ in range(job.choices)]
