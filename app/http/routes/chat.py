"""POST /v1/chat/completions: conversations, where the model file has a chat template."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request

from app.completion.job import Job, Outcome, Piece
from app.errors import NotFoundError
from app.http.jobs import chat_job
from app.http.json_route import JsonRoute
from app.http.request_record import record_of
from app.http.schemas.chat import (
    ChatChoice,
    ChatChunk,
    ChatCompletion,
    ChatLogprobs,
    ChatRequest,
    ChunkChoice,
    Delta,
    Reply,
)
from app.http.schemas.errors import COMPLETION_ERRORS, openai_errors
from app.http.schemas.openai import OPENAI_STREAMED, OpenAIUsage, fingerprint, openai_reason
from app.http.schemas.window import window_report
from app.http.service import check_openai_body, complete_jobs, event_stream, run_jobs, service_of
from app.http.sse import EventStream

NO_TEMPLATE = "this model has no chat template"

router = APIRouter(tags=["openai"], route_class=JsonRoute)


@router.post(
    "/v1/chat/completions",
    summary="The assistant's next turn, in OpenAI's shape",
    response_model=ChatCompletion,
    responses={200: OPENAI_STREAMED, **openai_errors(*COMPLETION_ERRORS, NotFoundError(NO_TEMPLATE))},
)
async def chat_completions(request: Request, body: ChatRequest) -> ChatCompletion | EventStream:
    """Only where the model file has a chat template; with `"stream": true` as server-sent events."""
    service = service_of(request)
    check_openai_body(request, body)
    if service.chat_template is None:
        raise NotFoundError(NO_TEMPLATE)
    job = chat_job(body, service.settings, service.limits, service.chat_template)
    identity = f"chatcmpl-{record_of(request.scope).request_id}"
    created, model, system = int(time.time()), service.manifest.id, fingerprint(service.manifest)
    if body.stream:
        chunk = ChatChunk(id=identity, created=created, model=model, system_fingerprint=system, choices=[])
        return event_stream(request, _events(request, body, job, chunk))
    (outcome,) = await complete_jobs(request, [job])
    return ChatCompletion(
        id=identity,
        created=created,
        model=model,
        system_fingerprint=system,
        choices=[
            ChatChoice(
                index=choice.index,
                message=Reply(content=choice.text),
                logprobs=ChatLogprobs.of(choice.logprobs),
                finish_reason=openai_reason(choice.finish_reason),
            )
            for choice in outcome.choices
        ],
        usage=OpenAIUsage.of([outcome]),
        window=window_report(outcome.window),
    )


async def _events(
    request: Request, body: ChatRequest, job: Job, chunk: ChatChunk
) -> AsyncGenerator[ChatChunk]:
    """Each piece, the end of each choice, and the token counts where they are asked for."""
    opened: set[int] = set()
    async with aclosing(run_jobs(request, [job])) as events:
        async for event in events:
            match event:
                case Piece():
                    part = _part(event, first=event.index not in opened)
                    opened.add(event.index)
                    yield chunk.model_copy(update={"choices": [part]})
                case Outcome():
                    for choice in event.choices:
                        reason = openai_reason(choice.finish_reason)
                        end = ChunkChoice(index=choice.index, delta={}, finish_reason=reason)
                        update = {"choices": [end], "window": window_report(event.window)}
                        yield chunk.model_copy(update=update)
                    if body.includes_usage:
                        yield chunk.model_copy(update={"usage": OpenAIUsage.of([event])})


def _part(piece: Piece, *, first: bool) -> ChunkChoice:
    """A piece as a part of its reply; the first one names the role."""
    delta: Delta = {"role": "assistant", "content": piece.text} if first else {"content": piece.text}
    return ChunkChoice(index=piece.index, delta=delta, logprobs=ChatLogprobs.of(piece.logprobs))
