"""POST /complete: the native route."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.body import JsonRoute
from app.departure import while_connected
from app.events import Emit
from app.job import Job, Piece, PlainPrompt, given, stricter
from app.record import record_of
from app.schemas.complete import STREAMED, CompleteAnswer, CompletePiece, CompleteRequest
from app.schemas.errors import COMPLETION_ERRORS, errors
from app.service import Service, service_of

router = APIRouter(tags=["completion"], route_class=JsonRoute)


@router.post(
    "/complete",
    summary="Continue a prompt",
    response_model=CompleteAnswer,
    responses={200: STREAMED, **errors(*COMPLETION_ERRORS)},
)
async def complete(request: Request, body: CompleteRequest) -> Response:
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
            await emit(CompletePiece.of(identity, piece).model_dump_json(exclude_unset=True))

        (outcome,) = await service.complete(request, [job], deliver)
        last = CompleteAnswer.of(identity, model, outcome, streamed=True)
        await emit(last.model_dump_json(exclude_unset=True))

    if body.stream:
        return service.stream(produce)
    async with while_connected(request.receive):
        (outcome,) = await service.complete(request, [job])
    answer = CompleteAnswer.of(identity, model, outcome)
    return Response(answer.model_dump_json(exclude_unset=True), media_type="application/json")


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
