"""What was written to a connection and is not read: a reader that has stopped must not hold it for ever."""

from __future__ import annotations

import asyncio

LOOKS = 5
"""At what is unread, in the seconds after which a reader that stalls is cut."""

SLOWEST = 1024.0
"""Bytes a second: a reader that takes fewer is held to have stopped."""


class UnreadWatch:
    """Aborts a connection from whose buffer too little has been read for some seconds.

    It looks at the buffer whatever its size: the loop's own flow control sees only what is over 64 KiB.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._transport = transport
        self._loop = loop
        self._interval = seconds / LOOKS
        self._timer: asyncio.TimerHandle | None = None
        self._unread = 0
        self._patience = LOOKS

    def begin(self) -> None:
        """Something was written: look until all of it is read."""
        if self._timer is None:
            self._unread = 0
            self._patience = LOOKS
            self._timer = self._loop.call_later(self._interval, self._look)

    def end(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        unread = self._transport.get_write_buffer_size()
        if not unread:
            return
        moved = unread <= self._unread - SLOWEST * self._interval
        self._patience = LOOKS if moved else self._patience - 1
        self._unread = unread
        if self._patience:
            self._timer = self._loop.call_later(self._interval, self._look)
        else:
            self._transport.abort()
