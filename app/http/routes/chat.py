"""POST /v1/chat/completions: conversations, where the model file has a chat template."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request

from app.completion.chat_template import ChatPrompt, Message
from app.completion.job import Job, Piece, given
from app.completion.service import Service, service_of
from app.errors import InvalidRequestError, NotFoundError
from app.http.disconnect import WhileConnected
from app.http.jobs import fingerprint, job_of
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
from app.http.schemas.openai import OPENAI_STREAMED, OpenAIUsage, openai_reason
from app.http.sse import Emit, EventStream

router = APIRouter(tags=["openai"], route_class=JsonRoute)


@router.post(
    "/v1/chat/completions",
    summary="The assistant's next turn, in OpenAI's shape",
    response_model=ChatCompletion,
    responses={200: OPENAI_STREAMED, **openai_errors(*COMPLETION_ERRORS, "not_found")},
)
async def chat_completions(request: Request, body: ChatRequest) -> ChatCompletion | EventStream:
    """Only where the model file has a chat template; with `"stream": true` as server-sent events."""
    service = service_of(request)
    service.limits.check(body)
    job = _job(body, service)
    identity = f"chatcmpl-{record_of(request.scope).request_id}"
    created, model, system = int(time.time()), service.manifest.id, fingerprint(service.manifest)

    async def produce(emit: Emit) -> None:
        async def send(*choices: ChunkChoice, usage: OpenAIUsage | None = None) -> None:
            chunk = ChatChunk(
                id=identity,
                created=created,
                model=model,
                system_fingerprint=system,
                choices=list(choices),
                usage=usage,
            )
            await emit(chunk)

        async def deliver(piece: Piece) -> None:
            delta: Delta = {"content": piece.text}
            if piece.index not in opened:
                delta = {"role": "assistant", **delta}
                opened.add(piece.index)
            await send(ChunkChoice(index=piece.index, delta=delta, logprobs=ChatLogprobs.of(piece.logprobs)))

        opened: set[int] = set()
        (outcome,) = await service.complete(request, [job], deliver)
        for choice in outcome.choices:
            reason = openai_reason(choice.finish_reason)
            await send(ChunkChoice(index=choice.index, delta={}, finish_reason=reason))
        if body.includes_usage:
            await send(usage=OpenAIUsage.of([outcome]))

    if body.stream:
        return service.stream(produce)
    async with WhileConnected(request.receive):
        (outcome,) = await service.complete(request, [job])
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
    )


def _job(body: ChatRequest, service: Service) -> Job:
    if service.chat_template is None:
        raise NotFoundError("this model has no chat template")
    messages = tuple(
        Message("system" if message.role == "developer" else message.role, message.text)
        for message in body.messages
    )
    prompt = ChatPrompt(messages, service.chat_template)
    if prompt.characters > service.limits.prompt_characters:
        raise InvalidRequestError(
            "messages", f"at most {service.limits.prompt_characters} characters are accepted together"
        )
    asked = given(body.max_completion_tokens, body.max_tokens)
    return job_of(
        body,
        service,
        prompt,
        max_tokens=given(asked, service.limits.max_tokens),
        reserved=given(asked, 1),
        logprobs=given(body.top_logprobs, 0) if body.logprobs else None,
        echo=False,
    )
