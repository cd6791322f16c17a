"""Every answer that is not 2xx, the framework's own included: one envelope, and OpenAI's shape under /v1."""

from __future__ import annotations

import logging
import traceback
from math import ceil

from fastapi import FastAPI, Request, Response
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.errors import (
    InternalError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    RetryableError,
    ServiceError,
    UnauthorizedError,
    UnsupportedMediaTypeError,
)
from app.http.disconnect import ClientLeftError
from app.http.request_record import record_of
from app.http.schemas.errors import error_body, openai_error_body

logger = logging.getLogger(__name__)

CLIENT_LEFT = 499
"""Never seen by a client; the status under which proxies log one that left."""


CHALLENGES = ("Bearer", 'Basic realm="the API key is the password"')
"""How a key may be given, a header line each: where one line names both, Chromium asks nobody for it."""


def envelope(error: ServiceError, scope: Scope) -> bytes:
    """The body of an error, as JSON; its code is noted in the request's record."""
    record = record_of(scope)
    record.error = error.code
    shape = openai_error_body if _is_openai(scope) else error_body
    return to_json({"error": shape(error, record.request_id)})


def error_response(error: ServiceError, scope: Scope) -> Response:
    """The answer that an error becomes."""
    status = error.openai_status if _is_openai(scope) else error.status
    response = Response(envelope(error, scope), status, media_type="application/json")
    if isinstance(error, RetryableError):
        response.headers["Retry-After"] = str(ceil(error.retry_after))
    if isinstance(error, UnsupportedMediaTypeError):
        response.headers["Accept-Encoding"] = "identity"
    if isinstance(error, UnauthorizedError):
        for challenge in CHALLENGES:
            response.headers.append("WWW-Authenticate", challenge)
    return response


def _is_openai(scope: Scope) -> bool:
    """Whether the route is one of OpenAI's, or would be."""
    path: str = scope["path"]
    return path.startswith("/v1/")


def as_service_error(error: Exception) -> ServiceError:
    """The error itself, or InternalError for a fault of ours, which is logged by its place and kind.

    An unexpected exception's message may quote the request, so it is not logged.
    """
    if isinstance(error, ServiceError):
        return error
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s at\n%s", type(error).__qualname__, where)
    return InternalError()


def handle_errors(app: FastAPI) -> None:
    """Translate every exception of a route, the framework's own included."""

    async def service_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, ServiceError)
        return error_response(error, request.scope)

    async def http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        answer: ServiceError = InvalidRequestError(None, "the body cannot be read")
        if error.status_code == 404:
            answer = NotFoundError("no such route")
        elif error.status_code == 405:
            answer = MethodNotAllowedError("the route does not answer this method")
        response = error_response(answer, request.scope)
        response.headers.update(error.headers or {})
        return response

    async def client_left(request: Request, error: Exception) -> Response:
        record_of(request.scope).left = True
        return Response(status_code=CLIENT_LEFT)

    app.add_exception_handler(ServiceError, service_error)
    app.add_exception_handler(HTTPException, http_exception)
    app.add_exception_handler(ClientLeftError, client_left)
