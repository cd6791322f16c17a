"""A connection to the service that keeps what goes through it: the bytes that clients really send."""

from __future__ import annotations

import select
import socket
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

RECORDED = Path(__file__).parents[1] / "app" / "http" / "recorded"
ORIGIN = b"http://page.example"
"""What a recorded request names as its page's origin."""


class Recorder:
    """Listens on loopback and passes everything on to the service; `requests` are the bytes of each request.

    `origin` is that of the page from which a browser asks.
    """

    def __init__(self, service: str, origin: str) -> None:
        parts = urlsplit(service)
        self.requests: list[bytes] = []
        self._origin = origin
        self._service = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop accepting."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def save(self, client: str) -> None:
        """Write the requests as files, with neutral ports and keys."""
        RECORDED.mkdir(exist_ok=True)
        for number, request in enumerate(self.requests, start=1):
            neutral = request.replace(self._origin.encode(), ORIGIN).replace(b"%d" % self.port, b"8000")
            (RECORDED / f"{client}-{number}.http").write_bytes(neutral)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        """A request begins with the first bytes, and with those behind an answer."""
        with ExitStack() as stack:
            stack.enter_context(client)
            service = stack.enter_context(socket.create_connection(self._service))
            answered, index = True, 0
            while True:
                for ready in select.select([client, service], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is service:
                        client.sendall(data)
                        answered = True
                        continue
                    if answered:
                        index, answered = len(self.requests), False
                        self.requests.append(b"")
                    self.requests[index] += data
                    service.sendall(data)
