"""Server-sent events: an answer that is written while it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.http.disconnect import ClientLeftError, WhileConnected
from app.http.error_responses import as_service_error, envelope
from app.http.request_record import record_of

PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"

Emit = Callable[[object], Awaitable[None]]
"""Sends an answer that pydantic can write, as one event."""


class EventStream(Response):
    """Runs `produce`, which is given a function that sends one event.

    The answer starts with the first event or ping: an error before it has its own status, a later one is an
    event with the same envelope. A client that leaves cancels `produce`.
    """

    media_type = "text/event-stream"

    def __init__(self, produce: Callable[[Emit], Awaitable[None]], *, ping_seconds: float) -> None:
        self._produce = produce
        self._ping_seconds = ping_seconds
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        started = False

        async def write(chunk: bytes, *, more: bool = True) -> None:
            nonlocal started
            if not started:
                started = True
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": chunk, "more_body": more})

        async def emit(answer: object) -> None:
            await write(b"data: %b\n\n" % to_json(answer))

        async def ping() -> None:
            while True:
                await asyncio.sleep(self._ping_seconds)
                await write(PING)

        try:
            async with WhileConnected(receive):
                pings = asyncio.create_task(ping())
                try:
                    await self._produce(emit)
                except Exception as error:
                    if not started:
                        raise
                    await write(b"data: %b\n\n" % envelope(as_service_error(error), scope))
                finally:
                    pings.cancel()
                await write(DONE, more=False)
        except ClientLeftError:
            record_of(scope).left = True
