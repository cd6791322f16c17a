"""POST /v1/responses: OpenAI's newer shape of a conversation, text in and text out."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request

from app.completion.defaults import given
from app.completion.job import Job, Opened, Outcome, Piece
from app.errors import NotFoundError
from app.http.jobs import response_job
from app.http.json_route import JsonRoute
from app.http.request_record import record_of
from app.http.routes.chat import NO_TEMPLATE
from app.http.schemas.errors import COMPLETION_ERRORS, openai_errors
from app.http.schemas.openai import OPENAI_STREAMED
from app.http.schemas.responses import OutputMessage, OutputText, Response, ResponseRequest, incomplete
from app.http.service import check_openai_body, complete_jobs, named_event_stream, run_jobs, service_of
from app.http.sse import NamedEventStream

router = APIRouter(tags=["openai"], route_class=JsonRoute)

Event = dict[str, object]
PLACE: Event = {"output_index": 0, "content_index": 0}
"""There is one message with one text."""


@router.post(
    "/v1/responses",
    summary="The assistant's next turn, in OpenAI's newer shape",
    response_model=Response,
    responses={200: OPENAI_STREAMED, **openai_errors(*COMPLETION_ERRORS, NotFoundError(NO_TEMPLATE))},
)
async def responses(request: Request, body: ResponseRequest) -> Response | NamedEventStream:
    """Only where the model file has a chat template; with `"stream": true` as server-sent events.

    Nothing is stored: a conversation is sent whole each time.
    """
    service = service_of(request)
    check_openai_body(request, body)
    if service.chat_template is None:
        raise NotFoundError(NO_TEMPLATE)
    job = response_job(body, service.settings, service.limits, service.chat_template)
    identity = record_of(request.scope).request_id
    answer = Response(
        id=f"resp_{identity}",
        created_at=int(time.time()),
        model=service.manifest.id,
        instructions=body.instructions,
        max_output_tokens=body.max_output_tokens,
        metadata=given(body.metadata, {}),
        temperature=job.sampling.temperature,
        top_p=job.sampling.top_p,
        truncation=given(body.truncation, "auto"),
    )
    message = OutputMessage(id=f"msg_{identity}", status="in_progress", content=[])
    if body.stream:
        return named_event_stream(request, _events(request, job, answer, message))
    (outcome,) = await complete_jobs(request, [job])
    return answer.ended(outcome, _ended(message, outcome, outcome.choices[0].text))


async def _events(
    request: Request, job: Job, answer: Response, message: OutputMessage
) -> AsyncGenerator[Event]:
    """The beginning of the answer, each piece of its text, and its end."""
    place = {"item_id": message.id, **PLACE}
    text = ""
    async with aclosing(run_jobs(request, [job])) as events:
        async for event in events:
            match event:
                case Opened():
                    yield {"type": "response.created", "response": answer}
                    yield {"type": "response.in_progress", "response": answer}
                    yield {"type": "response.output_item.added", "output_index": 0, "item": message}
                    yield {"type": "response.content_part.added", **place, "part": OutputText(text="")}
                case Piece():
                    text += event.text
                    yield {"type": "response.output_text.delta", **place, "delta": event.text, "logprobs": []}
                case Outcome():
                    yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}
                    yield {"type": "response.content_part.done", **place, "part": OutputText(text=text)}
                    ended = _ended(message, event, text)
                    yield {"type": "response.output_item.done", "output_index": 0, "item": ended}
                    last = answer.ended(event, ended)
                    yield {"type": f"response.{last.status}", "response": last}


def _ended(message: OutputMessage, outcome: Outcome, text: str) -> OutputMessage:
    """The message with its text."""
    status = "completed" if incomplete(outcome.choices[0].finish_reason) is None else "incomplete"
    return message.model_copy(update={"status": status, "content": [OutputText(text=text)]})
