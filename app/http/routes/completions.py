"""POST /v1/completions: OpenAI's shape over the same pipeline."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request

from app.completion.job import Job, Piece, PlainPrompt, given
from app.completion.service import Service, service_of
from app.errors import InvalidRequestError
from app.http.disconnect import WhileConnected
from app.http.jobs import fingerprint, job_of
from app.http.json_route import JsonRoute
from app.http.request_record import record_of
from app.http.schemas.completions import Completion, CompletionChoice, CompletionRequest
from app.http.schemas.errors import COMPLETION_ERRORS, openai_errors
from app.http.schemas.openai import OPENAI_STREAMED, OpenAIUsage, Reason, openai_reason
from app.http.sse import Emit, EventStream

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
    service.limits.check(body)
    jobs = _jobs(body, service)
    answer = Completion(
        id=f"cmpl-{record_of(request.scope).request_id}",
        created=int(time.time()),
        model=service.manifest.id,
        system_fingerprint=fingerprint(service.manifest),
        choices=[],
    )

    echoed = [len(job.prompt.text) if job.echo else 0 for job in jobs for _ in range(job.choices)]

    async def produce(emit: Emit) -> None:
        async def send(part: Piece, reason: Reason | None = None) -> None:
            choice = CompletionChoice.of(part, reason, echoed[part.index])
            await emit(answer.model_copy(update={"choices": [choice]}))

        outcomes = await service.complete(request, jobs, send)
        for outcome in outcomes:
            for choice in outcome.choices:
                await send(Piece(choice.index, ""), openai_reason(choice.finish_reason))
        if body.includes_usage:
            await emit(answer.model_copy(update={"usage": OpenAIUsage.of(outcomes)}))

    if body.stream:
        return service.stream(produce)
    async with WhileConnected(request.receive):
        outcomes = await service.complete(request, jobs)
    choices = [
        CompletionChoice.of(choice, openai_reason(choice.finish_reason), echoed[choice.index])
        for outcome in outcomes
        for choice in outcome.choices
    ]
    return answer.model_copy(update={"choices": choices, "usage": OpenAIUsage.of(outcomes)})


def _jobs(body: CompletionRequest, service: Service) -> list[Job]:
    if len(body.prompts) * given(body.n, 1) > service.limits.choices:
        raise InvalidRequestError("prompt", f"prompts times n: at most {service.limits.choices} is accepted")
    max_tokens = given(body.max_tokens, min(service.settings.default_max_tokens, service.limits.max_tokens))
    return [
        job_of(
            body,
            service,
            PlainPrompt(prompt),
            max_tokens=max_tokens,
            reserved=max_tokens,
            logprobs=body.logprobs,
            echo=bool(body.echo),
        )
        for prompt in body.prompts
    ]
