"""A client that leaves: its work ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive


class ClientLeftError(Exception):
    """The client has closed its connection; nobody reads an answer."""


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel the block when the client leaves; the request's body must have been read.

    Raises:
        ClientLeftError: The client has left.
    """

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        presence.reschedule(asyncio.get_running_loop().time())

    try:
        async with asyncio.timeout(None) as presence:
            watcher = asyncio.create_task(watch())
            try:
                yield
            finally:
                watcher.cancel()
    except TimeoutError:
        if presence.expired():
            raise ClientLeftError from None
        raise
