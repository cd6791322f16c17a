"""How long to wait before something that has ended is started again."""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_SECONDS, MOST_SECONDS = 1.0, 30.0
"""The first wait and the longest; each is twice the one before."""

STEADY_SECONDS = 60.0
"""What has run for so long is started again at once, as if it had never ended."""


class Backoff:
    """Waits that grow while something ends soon after each start: none, then 1 s, doubled up to 30 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running_since: float | None = None
        self._wait = 0.0

    def started(self) -> None:
        """It runs."""
        self._running_since = self._clock()

    def ended(self) -> float:
        """It has ended, or could not be started: seconds to wait before the next start."""
        if self._running_since is not None and self._clock() - self._running_since >= STEADY_SECONDS:
            self._wait = 0.0
        self._running_since = None
        wait = self._wait
        self._wait = min(max(2 * wait, FIRST_SECONDS), MOST_SECONDS)
        return wait
