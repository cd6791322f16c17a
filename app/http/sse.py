"""Server-sent events: an answer that is sent while it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import EndingError, InvalidRequestError, ServiceError
from app.http.disconnect import ClientLeftError, WhileConnected
from app.http.error_responses import as_service_error, envelope
from app.http.request_record import record_of

PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"


class EventStream(Response):
    """Sends each answer of an iterator as one event; an answer is anything that pydantic can write.

    The response starts with the first event or ping: an error before it has its own status, a later one is an
    event with the same envelope. When the client leaves, the iterator is closed. No proxy on the way may
    compress the events, which it would do in pieces of its own size.
    """

    media_type = "text/event-stream"
    last = DONE

    def __init__(self, answers: AsyncGenerator[object], *, ping_seconds: float) -> None:
        self._answers = answers
        self._ping_seconds = ping_seconds
        self._started = False
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        try:
            async with WhileConnected(receive), aclosing(self._answers):
                await self._send_answers(scope, send)
                await self._write(send, self.last, more=False)
        except ClientLeftError:
            record_of(scope).left = True
        except asyncio.CancelledError:  # the grace period is over
            if not self._started:
                raise
            await self._write(send, self._fault(EndingError(), scope))
            await self._write(send, self.last, more=False)

    async def _send_answers(self, scope: Scope, send: Send) -> None:
        """Send every answer, or the error that ends them."""
        pings = asyncio.create_task(self._ping(send))
        try:
            async for answer in self._answers:
                await self._write(send, self._event(answer))
        except Exception as error:
            if not self._started:
                raise
            await self._write(send, self._fault(as_service_error(error), scope))
        finally:
            pings.cancel()

    def _event(self, answer: Any) -> bytes:
        return b"data: %b\n\n" % to_json(answer)

    def _fault(self, error: ServiceError, scope: Scope) -> bytes:
        return b"data: %b\n\n" % envelope(error, scope)

    async def _ping(self, send: Send) -> None:
        """Send a comment at intervals: it keeps proxies from closing a silent connection."""
        while True:
            await asyncio.sleep(self._ping_seconds)
            await self._write(send, PING)

    async def _write(self, send: Send, chunk: bytes, *, more: bool = True) -> None:
        if not self._started:
            self._started = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": chunk, "more_body": more})


class BareEventStream(EventStream):
    """The stream of `/infill`, whose last answer ends it."""

    last = b""


class NamedEventStream(EventStream):
    """The stream of `/v1/responses`: answers are dictionaries, each event is numbered and named by its type.

    The last answer ends it.
    """

    last = b""

    def __init__(self, answers: AsyncGenerator[object], *, ping_seconds: float) -> None:
        super().__init__(answers, ping_seconds=ping_seconds)
        self._number = 0

    def _event(self, answer: Any) -> bytes:
        numbered = to_json(answer | {"sequence_number": self._number})
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (answer["type"].encode(), numbered)

    def _fault(self, error: ServiceError, scope: Scope) -> bytes:
        record_of(scope).error = error.code
        param = error.field if isinstance(error, InvalidRequestError) else None
        return self._event({"type": "error", "code": error.code, "message": error.message, "param": param})
