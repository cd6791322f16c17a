"""The envelope of every answer that is not 2xx, and how the OpenAPI document describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from app.errors import (
    BodyTooLargeError,
    ContentFilterError,
    DeadlineExceededError,
    EngineFailedError,
    InvalidRequestError,
    NotReadyError,
    OverloadedError,
    RequestTimeoutError,
    RetryableError,
    ServiceError,
    UnauthorizedError,
    UnsupportedMediaTypeError,
)

BODY_ERRORS = (
    UnauthorizedError(),
    RequestTimeoutError(30),
    BodyTooLargeError(65_536),
    UnsupportedMediaTypeError(),
    InvalidRequestError("max_tokens", "should be greater than or equal to 1"),
)
"""What a route with a body may answer."""

COMPLETION_ERRORS = (
    ContentFilterError(),
    *BODY_ERRORS,
    OverloadedError(),
    EngineFailedError(),
    NotReadyError(),
    DeadlineExceededError(),
)
"""What a route that completes may answer."""

EXAMPLE_ID = "4f2a"


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


def error_body(error: ServiceError, request_id: str) -> dict[str, object]:
    """The content of the envelope."""
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if isinstance(error, InvalidRequestError):
        body |= {"field": error.field, "reason": error.reason}
    return body | {"request_id": request_id}


def openai_error_body(error: ServiceError, request_id: str) -> dict[str, object]:
    """The same in OpenAI's shape."""
    return {
        "message": error.message,
        "type": "invalid_request_error" if error.status < 500 else "server_error",
        "param": error.field if isinstance(error, InvalidRequestError) else None,
        "code": error.code,
        "request_id": request_id,
    }


def errors(*examples: ServiceError) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's description of the errors that a route may answer: an example of each."""
    return _described(
        ErrorAnswer, [(error.status, error, error_body(error, EXAMPLE_ID)) for error in examples]
    )


def openai_errors(*examples: ServiceError) -> dict[int | str, dict[str, Any]]:
    """The same in OpenAI's shape."""
    return _described(
        OpenAIErrorAnswer,
        [(error.openai_status, error, openai_error_body(error, EXAMPLE_ID)) for error in examples],
    )


def _described(
    model: type[BaseModel], examples: Sequence[tuple[int, ServiceError, dict[str, object]]]
) -> dict[int | str, dict[str, Any]]:
    """The answers by status; each error gives its status, itself and its body."""
    answers: dict[int | str, dict[str, Any]] = {}
    for status, error, body in examples:
        answer = answers.setdefault(
            status, {"model": model, "description": "", "content": {"application/json": {"examples": {}}}}
        )
        answer["description"] += f"{'; ' * bool(answer['description'])}`{error.code}`: {error.message}"
        answer["content"]["application/json"]["examples"][error.code] = {"value": {"error": body}}
        if isinstance(error, RetryableError):
            about = {"description": "Seconds after which a retry is worth it", "schema": {"type": "integer"}}
            answer["headers"] = {"Retry-After": about}
    return answers
