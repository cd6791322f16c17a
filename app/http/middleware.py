"""What every request passes before its route: plain ASGI classes, outermost first."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Set as AbstractSet

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLargeError, EndingError, RequestTimeoutError, ServiceError, UnauthorizedError
from app.http.api_keys import ApiKeys
from app.http.disconnect import ClientLeftError
from app.http.error_responses import CLIENT_LEFT, as_service_error, error_response
from app.http.request_record import RequestRecord, open_record, record_of
from app.metrics import Metrics

access = logging.getLogger("app.access")


class Observer:
    """Names each request, answers what nothing else has answered, counts it and logs one line about it.

    `paths` are those that counts and lines may name.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: AbstractSet[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = open_record(scope)

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = [*message.get("headers", ()), *record.headers()]
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        except Exception as error:
            answer = as_service_error(error)
            if not record.status:
                await error_response(answer, scope)(scope, receive, send_named)
        except asyncio.CancelledError:  # the grace period is over
            if record.status:
                raise
            await error_response(EndingError(), scope)(scope, receive, send_named)
        finally:
            self._close(scope, record)

    def _close(self, scope: Scope, record: RequestRecord) -> None:
        seconds = time.perf_counter() - record.started
        record.status = record.status or CLIENT_LEFT
        path = getattr(scope.get("route"), "path", scope["root_path"] or scope["path"])
        route = str(path) if path in self._paths else "unmatched"
        self._metrics.observe_request(route, record.status, seconds)
        if record.error:
            self._metrics.rejected.labels(record.error).inc()
        if record.left:
            self._metrics.cancelled.inc()
        if access.isEnabledFor(logging.INFO):
            facts = {
                "request_id": record.request_id,
                "traceparent": record.traceparent,
                "method": scope["method"],
                "route": route,
                "status": record.status,
                "duration_ms": round(seconds * 1000, 3),
                "error": record.error,
                "left": record.left or None,
                **record.facts(),
            }
            access.info(
                "request",
                extra={"facts": {name: value for name, value in facts.items() if value is not None}},
            )


class KeyCheck:
    """Lets a request pass that carries an accepted API key, or asks for a route that needs none.

    `open_paths` need none, and what is below a path that ends with a slash.
    """

    def __init__(self, app: ASGIApp, keys: ApiKeys, open_paths: AbstractSet[str]) -> None:
        self._app = app
        self._keys = keys
        self._reading = asyncio.Lock()
        self._open_paths = open_paths
        self._open_folders = tuple(path for path in open_paths if path.endswith("/") and path != "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and not self._is_open(scope["path"]):
            if self._keys.changed:
                await self._read_keys()
            authorization = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            if not self._keys.accept(authorization):
                await error_response(UnauthorizedError(), scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in self._open_paths or path.startswith(self._open_folders)

    async def _read_keys(self) -> None:
        """Beside the event loop: there may be very many."""
        async with self._reading:
            if self._keys.changed:
                await asyncio.to_thread(self._keys.read)


class BodyReceiver:
    """Receives the whole body before the route runs, within a number of bytes and of seconds.

    The route finds it in the scope, as `body`; all that it can still receive is that the client has left.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            scope["body"] = await self._receive(scope, receive)
        except ServiceError as error:
            await error_response(error, scope)(scope, receive, send)
            return
        except ClientLeftError:
            record_of(scope).left = True
            return
        await self._app(scope, receive, send)

    async def _receive(self, scope: Scope, receive: Receive) -> bytes:
        """The body.

        Raises:
            BodyTooLargeError: By its Content-Length, before any of it is read, or by its counted bytes.
            RequestTimeoutError: It did not arrive in time.
            ClientLeftError: The client left before it was complete.
        """
        for name, value in scope["headers"]:
            if name == b"content-length" and _exceeds(value, self._max_bytes):
                raise BodyTooLargeError(self._max_bytes)
        body = bytearray()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientLeftError
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._max_bytes:
                        raise BodyTooLargeError(self._max_bytes)
        except TimeoutError:
            raise RequestTimeoutError(self._timeout_seconds) from None
        return bytes(body)


def _exceeds(digits: bytes, most: int) -> bool:
    """Whether a number is larger, of however many digits."""
    digits = digits.lstrip(b"0")
    return len(digits) > len(str(most)) or (digits.isdigit() and int(digits) > most)
