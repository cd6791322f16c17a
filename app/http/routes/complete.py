"""POST /complete: the native route."""

from __future__ import annotations

from fastapi import APIRouter, Request

from app.completion.job import Job, Piece, PlainPrompt, given, stricter
from app.completion.service import Service, service_of
from app.http.disconnect import WhileConnected
from app.http.json_route import JsonRoute
from app.http.request_record import record_of
from app.http.schemas.complete import (
    STREAMED,
    CompleteAnswer,
    CompletePiece,
    CompleteRequest,
    choice_report,
    complete_answer,
)
from app.http.schemas.errors import COMPLETION_ERRORS, errors
from app.http.sse import Emit, EventStream

router = APIRouter(tags=["completion"], route_class=JsonRoute)


@router.post(
    "/complete",
    summary="Continue a prompt",
    response_model=CompleteAnswer,
    responses={200: STREAMED, **errors(*COMPLETION_ERRORS)},
)
async def complete(request: Request, body: CompleteRequest) -> CompleteAnswer | EventStream:
    """The native route.

    With `"stream": true` the answer is a stream of server-sent events: `CompletePiece`s, then one
    `CompleteAnswer` whose texts are empty, then `[DONE]`. An error after the first event is an event with the
    envelope.
    """
    service = service_of(request)
    service.limits.check(body)
    identity, model = f"cmpl-{record_of(request.scope).request_id}", service.manifest.id
    job = job_of(body, service)

    async def produce(emit: Emit) -> None:
        async def deliver(piece: Piece) -> None:
            event: CompletePiece = {"id": identity, "choices": [choice_report(piece, None)]}
            await emit(event)

        (outcome,) = await service.complete(request, [job], deliver)
        ends = [choice_report(Piece(choice.index, ""), choice.finish_reason) for choice in outcome.choices]
        await emit(complete_answer(identity, model, outcome, ends))

    if body.stream:
        return service.stream(produce)
    async with WhileConnected(request.receive):
        (outcome,) = await service.complete(request, [job])
    choices = [choice_report(choice, choice.finish_reason) for choice in outcome.choices]
    return complete_answer(identity, model, outcome, choices)


def job_of(body: CompleteRequest, service: Service) -> Job:
    """The job that a request asks for."""
    settings = service.settings
    max_tokens = given(body.max_tokens, min(settings.default_max_tokens, service.limits.max_tokens))
    return Job(
        prompt=PlainPrompt(body.prompt),
        max_tokens=max_tokens,
        reserved=max_tokens,
        window=given(body.context_window, service.limits.default_window),
        sampling=body.sampling(settings, logprobs=body.logprobs),
        policy=stricter(settings.profanity, body.profanity),
        timeout=given(body.timeout_ms, service.limits.timeout_ms) / 1000,
        choices=body.n,
        stop=body.stops,
        echo=body.echo,
        refuse_truncation=body.truncation == "error",
    )
