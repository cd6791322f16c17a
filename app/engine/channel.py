"""The pipe between the two processes: lists of messages, pickled, each behind its length in four bytes."""

from __future__ import annotations

import asyncio
import pickle
import select
import socket
import struct
from collections.abc import Sequence
from typing import Any

HEAD = struct.Struct("<I")


def pack(messages: Sequence[object]) -> bytes:
    """One frame."""
    body = pickle.dumps(list(messages), pickle.HIGHEST_PROTOCOL)
    return HEAD.pack(len(body)) + body


async def receive(reader: asyncio.StreamReader) -> list[Any]:
    """The next frame's messages, for the HTTP process.

    Raises:
        asyncio.IncompleteReadError: The other side is gone.
    """
    (size,) = HEAD.unpack(await reader.readexactly(HEAD.size))
    return pickle.loads(await reader.readexactly(size))  # type: ignore[no-any-return]


class Channel:
    """The engine's end: blocking, with a time limit on waiting."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, messages: Sequence[object]) -> None:
        """Write one frame; waits while the pipe is full.

        Raises:
            EOFError: The HTTP process is gone.
        """
        if messages:
            try:
                self._connection.sendall(pack(messages))
            except ConnectionError:
                raise EOFError("the HTTP process is gone") from None

    def receive(self, timeout: float | None) -> list[Any]:
        """Messages that are there, after waiting up to `timeout` seconds (None: for ever) for the first.

        Raises:
            EOFError: The HTTP process is gone.
        """
        messages: list[Any] = []
        while self._readable(0.0 if messages else timeout):
            (size,) = HEAD.unpack(self._exactly(HEAD.size))
            messages += pickle.loads(self._exactly(size))
        return messages

    def _readable(self, timeout: float | None) -> bool:
        """Whether something arrives in time. By poll: select takes no descriptor from 1,024 on."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                part = self._connection.recv(size - len(data))
            except ConnectionError:
                part = b""
            if not part:
                raise EOFError("the HTTP process is gone")
            data += part
        return bytes(data)
