"""A client that leaves: its work ends with it."""

from __future__ import annotations

import asyncio
from types import TracebackType

from starlette.types import Receive


class ClientLeftError(Exception):
    """The client has closed its connection; nobody reads an answer."""


class WhileConnected:
    """Cancels the block when the client leaves; the request's body must have been read.

    Raises (on leaving):
        ClientLeftError: The client has left.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watcher = asyncio.create_task(self._watch())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watcher.cancel()
        del self._watcher  # avoid a reference cycle: its traceback will hold this object, and so the request
        # As asyncio.timeout does: the cancellation is ours unless somebody else has asked for one, too.
        if self._left and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise ClientLeftError from None

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        self._task.cancel()
