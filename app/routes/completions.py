"""POST /v1/completions: OpenAI's shape over the same pipeline."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from app.body import JsonRoute
from app.departure import while_connected
from app.errors import InvalidRequestError
from app.events import Emit
from app.job import Job, Piece, PlainPrompt, given
from app.record import record_of
from app.routes.openai import fingerprint, job_of
from app.schemas.completions import Completion, CompletionChoice, CompletionRequest
from app.schemas.errors import COMPLETION_ERRORS, openai_errors
from app.schemas.openai import OPENAI_STREAMED, OpenAIUsage, openai_reason
from app.service import Service, service_of

router = APIRouter(tags=["openai"], route_class=JsonRoute)


@router.post(
    "/v1/completions",
    summary="Continue prompts, in OpenAI's shape",
    response_model=Completion,
    responses={200: OPENAI_STREAMED, **openai_errors(*COMPLETION_ERRORS)},
)
async def completions(request: Request, body: CompletionRequest) -> Response:
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

    async def produce(emit: Emit) -> None:
        shown = [0] * sum(job.choices for job in jobs)

        async def send(choice: CompletionChoice) -> None:
            await emit(answer.model_copy(update={"choices": [choice]}).model_dump_json())

        async def deliver(piece: Piece) -> None:
            await send(CompletionChoice.of(piece, None, shown[piece.index]))
            shown[piece.index] += len(piece.text)

        outcomes = await service.complete(request, jobs, deliver)
        for outcome in outcomes:
            for choice in outcome.choices:
                last = Piece(choice.index, "")
                await send(
                    CompletionChoice.of(last, openai_reason(choice.finish_reason), shown[choice.index])
                )
        if body.includes_usage:
            await emit(answer.model_copy(update={"usage": OpenAIUsage.of(outcomes)}).model_dump_json())

    if body.stream:
        return service.stream(produce)
    async with while_connected(request.receive):
        outcomes = await service.complete(request, jobs)
    choices = [choice for outcome in outcomes for choice in outcome.choices]
    answer = answer.model_copy(
        update={
            "choices": [
                CompletionChoice.of(choice, openai_reason(choice.finish_reason), 0) for choice in choices
            ],
            "usage": OpenAIUsage.of(outcomes),
        }
    )
    return Response(answer.model_dump_json(), media_type="application/json")


def _jobs(body: CompletionRequest, service: Service) -> list[Job]:
    if len(body.prompts) * given(body.n, 1) > service.limits.choices:
        raise InvalidRequestError("prompt", f"prompts times n: at most {service.limits.choices} is accepted")
    max_tokens = given(body.max_tokens, min(service.settings.default_max_tokens, service.limits.max_tokens))
    echo = bool(body.echo)
    return [
        job_of(body, service, PlainPrompt(prompt), max_tokens=max_tokens, logprobs=body.logprobs, echo=echo)
        for prompt in body.prompts
    ]
