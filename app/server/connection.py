"""One connection: heads within a size and a time, a bounded number of connections, errors in the envelope."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from starlette.types import Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.errors import STATUS
from app.http.api import PROBES
from app.server.unread import UnreadWatch
from app.settings import Settings

LAST_REQUEST_SECONDS = 0.5
"""For the request of a connection that was accepted just before the server began to end."""


SPARE_CONNECTIONS = 20
"""Over the cap, for the probes: each is read for one request; the oldest makes room for the newest."""

MOST_PIPELINED = 16
"""Requests behind the one that runs, up to which more is read: who reads nothing sees no client leave."""

FED = 4096
"""Bytes that the parser is given at once: requests in a row that fit into it hold up nobody else."""

SPARE_SECONDS = 1.0
"""For the request of a spare connection."""


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
    """uvicorn's configuration, with our limits for its connections.

    Attributes:
        spare: Connections over the cap, the oldest first.
    """

    def __init__(self, app: Any, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(app, http=BoundedConnection, **options)
        self.limits = limits
        self.spare: dict[BoundedConnection, None] = {}


class RefusedError(Exception):
    """Ends the parser's reading of a connection that has been answered or closed."""


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's HTTP connection with the limits that it leaves to a proxy.

    A head must be complete in time, also the next one on a kept connection, and so must the rest of a body
    whose request has been answered already. A reader that stalls has left. Over the cap of connections some
    are still read, so that the probes are answered.
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
        self._spare = config.spare
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = False
        self._receiving = False
        self._ending = False
        self._deaf = False
        self._running: RequestResponseCycle | None = None
        self._unfed = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head; over the cap, for a short time."""
        super().connection_made(transport)
        self._unread = UnreadWatch(transport, self.loop, self._limits.send_seconds)
        if len(self.connections) <= self._limits.connections:
            self._expect(self._limits.head_seconds)
            return
        self._spare[self] = None
        self._expect(SPARE_SECONDS, self._refuse_crowd)
        if len(self._spare) > SPARE_CONNECTIONS:
            next(iter(self._spare))._refuse_crowd()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._expect(None)
        self._unread.end()
        self._spare.pop(self, None)
        if self._running is not None and not self._running.response_complete:  # uvicorn tells the newest only
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; what is behind enough requests waits."""
        self._unset_keepalive_if_required()
        self._unfed += data
        self._feed()

    def _feed(self) -> None:
        """Parse what was received; a wish to change the protocol is passed over (RFC 9110, 7.8)."""
        while self._unfed and not self._deaf and len(self.pipeline) < MOST_PIPELINED:
            data, self._unfed = self._unfed[:FED], self._unfed[FED:]
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as upgrade:
                self._unfed = self._head_without_upgrade() + data[upgrade.args[0] :] + self._unfed
                self.parser = HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except HttpParserError:
                if not self._deaf:
                    self._refuse("malformed_http", "Invalid HTTP request received.")
        if self._deaf:
            self._unfed = b""
        if self._unfed:
            self._expect(None)
            self.flow.pause_reading()

    def pause_writing(self) -> None:
        """The reader is behind by more than a buffer."""
        super().pause_writing()
        self._unread.begin()

    def on_message_begin(self) -> None:
        """Expect the rest of the head."""
        super().on_message_begin()
        self._head_bytes = 0
        self._in_head = self._receiving = True
        if self not in self._spare:
            self._expect(self._limits.head_seconds)

    def on_url(self, url: bytes) -> None:
        """Count."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count; a trailer is no header (RFC 9110, 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """The head was in time; the body has a deadline of its own."""
        self._in_head = False
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self._refuse("method_not_allowed", "no tunnels here")
                raise RefusedError
            return
        if self in self._spare:
            if self.url.partition(b"?")[0].decode(errors="replace") not in PROBES:
                self._refuse_crowd()
                raise RefusedError
            self._ending = True
        else:
            self._expect(None)
        super().on_headers_complete()
        if len(self.pipeline) < MOST_PIPELINED:
            self.flow.resume_reading()
        if self._ending:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Nothing is expected."""
        if self.parser.should_upgrade():
            return
        self._receiving = False
        self._expect(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Expect the rest of the body, if any: what is still sent after an early refusal."""
        super().on_response_complete()
        self._unread.begin()
        if self._unfed and not self.transport.is_closing():
            self._feed()
        if self._receiving and not self._unfed:
            self._expect(self._limits.body_seconds)

    def shutdown(self) -> None:
        """End with the request that runs; one that a new connection is about to send is still answered."""
        if self.cycle is None and not self._ending:
            self._ending = True
            self._expect(LAST_REQUEST_SECONDS)
        else:
            super().shutdown()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        if cycle.scope["http_version"] in ("0.9", "1.0"):
            app = without_chunks(cycle, app)
        if cycle.waiting_for_100_continue:
            app = closing_unasked(cycle, app)
        super()._start_asgi_task(cycle, app)

    def _head_without_upgrade(self) -> bytes:
        """The head that was read last, as it would be without the header that asks for another protocol."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([b"%b %b HTTP/%b" % (method, self.url, version), *lines, b"", b""])

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes:
            self._refuse("head_too_large", f"the head is larger than {self._limits.head_bytes} bytes")
            raise RefusedError

    def _expect(self, seconds: float | None, otherwise: Callable[[], None] | None = None) -> None:
        """Close the connection after some seconds, or do otherwise, unless called again before."""
        if self._deadline is not None:
            self._deadline.cancel()
        late = otherwise or self.transport.close
        self._deadline = None if seconds is None else self.loop.call_later(seconds, late)

    def _refuse_crowd(self) -> None:
        self._spare.pop(self, None)
        self._refuse("not_ready", "too many connections", b"retry-after: 1\r\n")

    def _refuse(self, code: str, message: str, header: bytes = b"") -> None:
        """Read nothing more; answer with an error and close, or close once what runs has been answered."""
        self._deaf = True
        running = self.cycle is not None and not self.cycle.response_complete
        if running and (self._in_head or not self._receiving):
            self.cycle.keep_alive = False
            return
        if not (running and self.cycle.response_started):
            error = {"code": code, "message": message, "request_id": None}
            body = json.dumps({"error": error}).encode()
            head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n"
            self.transport.write(STATUS_LINE[STATUS[code]] + head % len(body) + header + b"\r\n" + body)
        self._unread.begin()
        self.transport.close()


def closing_unasked(cycle: RequestResponseCycle, app: Any) -> Any:
    """An application whose answer ends the connection if it comes before the body was asked for.

    A client that waits for 100 (Continue) may never send that body: its next request would be read as it.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_last(message: Message) -> None:
            cycle.keep_alive = cycle.keep_alive and not cycle.waiting_for_100_continue
            await send(message)

        await app(scope, receive, send_last)

    return answer


def without_chunks(cycle: RequestResponseCycle, app: Any) -> Any:
    """An application whose answers of unknown length end with the connection: HTTP/1.0 knows no chunks."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        endless = False

        async def send_plain(message: Message) -> None:
            nonlocal endless
            if message["type"] == "http.response.start":
                endless = all(name != b"content-length" for name, _ in message["headers"])
                if endless:
                    cycle.chunked_encoding, cycle.expected_content_length = False, sys.maxsize
            elif endless and not message.get("more_body", False):
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_plain)

    return answer
