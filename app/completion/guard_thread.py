"""The guard over texts that come from outside, without holding up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

SHORT = 1024
"""Characters that are checked at once: at most some milliseconds, whatever they are."""


class GuardThread:
    """Checks short texts at once, and long ones one by one in a thread.

    One thread only: the checks are Python, so that more of them would just share its lock with the loop.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "guard")

    async def run(self, characters: int, check: Callable[[], T]) -> T:
        """The result of a check of so many characters."""
        if characters <= SHORT:
            return check()
        return await asyncio.get_running_loop().run_in_executor(self._thread, check)
