"""The envelope of every answer that is not 2xx, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from app.errors import STATUS

COMPLETION_ERRORS = (
    "content_filter",
    "unauthorized",
    "request_timeout",
    "body_too_large",
    "invalid_request",
    "overloaded",
    "engine_failed",
    "not_ready",
    "deadline_exceeded",
)
"""What a route that completes may answer."""

BODY_ERRORS = ("unauthorized", "request_timeout", "body_too_large", "invalid_request")
"""What a route with a body may answer."""

EXAMPLES: dict[str, dict[str, object]] = {
    "content_filter": {"message": "the prompt was rejected by the content filter"},
    "unauthorized": {"message": "a valid API key is required: Authorization: Bearer KEY"},
    "not_found": {"message": "no such model"},
    "request_timeout": {"message": "the body took over 30 seconds"},
    "body_too_large": {"message": "the body is larger than 65536 bytes"},
    "invalid_request": {
        "message": "max_tokens: Input should be greater than or equal to 1",
        "field": "max_tokens",
        "reason": "Input should be greater than or equal to 1",
    },
    "overloaded": {"message": "the queue is full"},
    "engine_failed": {"message": "the engine failed on this request"},
    "not_ready": {"message": "the model is not ready"},
    "deadline_exceeded": {"message": "the deadline passed before a completion was ready"},
}


class Error(BaseModel):
    """What went wrong."""

    code: str = Field(description="One of the codes of the service, each with one status")
    message: str = Field(description="For people; never repeats what was sent")
    request_id: str = Field(description="Also in the X-Request-ID header and in the log")
    field: str | None = Field(default=None, description="Dotted path of the field at fault, where one is")
    reason: str | None = Field(default=None, description="What is wrong with the field")


class ErrorAnswer(BaseModel):
    """Envelope of an error."""

    error: Error


class OpenAIError(BaseModel):
    """What went wrong, in OpenAI's shape."""

    message: str
    type: str
    param: str | None
    code: str
    request_id: str


class OpenAIErrorAnswer(BaseModel):
    """Envelope of an error in OpenAI's shape."""

    error: OpenAIError


def errors(*codes: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's description of the errors that a route may answer, each with an example."""
    return {
        STATUS[code]: _described(code, {"code": code, **EXAMPLES[code], "request_id": "4f2a"})
        for code in codes
    }


def openai_errors(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The same in OpenAI's shape."""
    described: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        example = {
            "message": EXAMPLES[code]["message"],
            "type": "invalid_request_error" if STATUS[code] < 500 else "server_error",
            "param": EXAMPLES[code].get("field"),
            "code": code,
            "request_id": "4f2a",
        }
        described[STATUS[code]] = _described(code, example) | {"model": OpenAIErrorAnswer}
    return described


def _described(code: str, example: dict[str, object]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "model": ErrorAnswer,
        "description": f"`{code}`: {EXAMPLES[code]['message']}",
        "content": {"application/json": {"example": {"error": example}}},
    }
    if code in ("overloaded", "not_ready"):
        about = {"description": "Seconds after which a retry is worth it", "schema": {"type": "integer"}}
        described["headers"] = {"Retry-After": about}
    return described
