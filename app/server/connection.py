"""One connection: heads within a size and a time, a bounded number of connections, errors in the envelope."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from app.errors import STATUS
from app.settings import Settings

LAST_REQUEST_SECONDS = 0.5
"""For the request of a connection that was accepted just before the server began to end."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What a connection may cost before a request is complete: numbers, bytes, seconds."""

    connections: int
    head_bytes: int
    head_seconds: float
    body_seconds: float
    send_seconds: float

    @classmethod
    def of(cls, settings: Settings, connections: int) -> ConnectionLimits:
        """The settings' limits, and so many connections."""
        return cls(
            connections=connections,
            head_bytes=settings.max_header_bytes,
            head_seconds=settings.header_timeout_seconds,
            body_seconds=settings.body_timeout_seconds,
            send_seconds=settings.send_timeout_seconds,
        )


class BoundedConfig(Config):
    """uvicorn's configuration, with our limits for its connections."""

    def __init__(self, app: Any, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(app, http=BoundedConnection, **options)
        self.limits = limits


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's HTTP connection with the limits that it leaves to a proxy.

    A head must be complete in time, also the next one on a kept connection, and so must the rest of a body
    whose request has been answered already. A reader that stalls for long has left.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(config, BoundedConfig)
        self._limits = config.limits
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._receiving = False
        self._ending = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._refuse("not_ready", "too many connections", b"retry-after: 1\r\n")
        else:
            self._expect(self._limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._expect(None)
        self._reader_moves()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The reader is behind by more than a buffer; without an abort, the connection would wait for it."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self._limits.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The reader has caught up."""
        super().resume_writing()
        self._reader_moves()

    def on_message_begin(self) -> None:
        """Expect the rest of the head."""
        super().on_message_begin()
        self._head_bytes = 0
        self._receiving = True
        self._expect(self._limits.head_seconds)

    def on_url(self, url: bytes) -> None:
        """Count."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count."""
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """The head was in time; the body has a deadline of its own."""
        self._expect(None)
        super().on_headers_complete()
        if self._ending:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Nothing is expected."""
        self._receiving = False
        self._expect(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Expect the rest of the body, if any: what is still sent after an early refusal."""
        super().on_response_complete()
        if self._receiving:
            self._expect(self._limits.body_seconds)

    def shutdown(self) -> None:
        """End with the request that runs; one that a new connection is about to send is still answered."""
        if self.cycle is None and not self._ending:
            self._ending = True
            self._expect(LAST_REQUEST_SECONDS)
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        self._refuse("malformed_http", msg)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes and not self.transport.is_closing():
            self._refuse("head_too_large", f"the head is larger than {self._limits.head_bytes} bytes")

    def _reader_moves(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()

    def _expect(self, seconds: float | None) -> None:
        """Close the connection after some seconds, unless called again before."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.close)

    def _refuse(self, code: str, message: str, header: bytes = b"") -> None:
        error = {"code": code, "message": message, "request_id": None}
        body = json.dumps({"error": error}).encode()
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(body)
        self.transport.write(STATUS_LINE[STATUS[code]] + head + header + b"\r\n" + body)
        self.transport.close()
