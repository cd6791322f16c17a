"""Sessions: the newest request of each ends the one before, whose answer nobody waits for any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.errors import SupersededError


@dataclass(slots=True)
class _Request:
    """A request that runs: what ends it early, and its end."""

    scope: asyncio.Timeout
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Sessions:
    """The newest request of each session."""

    def __init__(self) -> None:
        self._newest: dict[str, _Request] = {}

    @asynccontextmanager
    async def newest(self, session: str) -> AsyncIterator[None]:
        """Run the block as a session's newest request, once the one before has ended.

        Args:
            session: Its name; the empty one is no session.

        Raises:
            SupersededError: A newer one came.
        """
        if not session:
            yield
            return
        request = _Request(asyncio.timeout(None))
        try:
            async with request.scope:
                older, self._newest[session] = self._newest.get(session), request
                if older is not None and not older.ended.is_set():
                    older.scope.reschedule(asyncio.get_running_loop().time())
                    await older.ended.wait()
                yield
        except TimeoutError:
            if not request.scope.expired():
                raise
            raise SupersededError from None
        finally:
            if self._newest.get(session) is request:
                del self._newest[session]
            request.ended.set()
