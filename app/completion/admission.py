"""Admission: how many sequences are in the service, and when a refused client should try again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil

from app.errors import OverloadedError

FORGETTING = 0.95
"""Decay of the measured drain rate at each finished permit: about the last twenty count."""

FIRST_GUESS_SECONDS = 0.5
"""Assumed seconds for a sequence, as long as none has finished."""

PATIENCE = 2.0
"""Retry-After is this much longer than the estimate: arriving late is cheaper than a second refusal."""


class Admission:
    """Permits for `capacity` sequences, taken before any work and held until it has ended.

    Attributes:
        admitted: Sequences inside now.
        requests: Requests that they belong to.
    """

    def __init__(self, capacity: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.admitted = 0
        self.requests = 0
        self._clock = clock
        self._busy_since = 0.0
        self._busy_seconds = FIRST_GUESS_SECONDS
        self._departures = 1.0
        self._promised_until = 0.0

    @contextmanager
    def permit(self, sequences: int) -> Iterator[None]:
        """Hold the place of some sequences for the length of the block.

        Raises:
            OverloadedError: There is no room for all of them, with seconds after which there will be.
        """
        if self.admitted + sequences > self.capacity:
            raise OverloadedError(retry_after=self._retry_after(sequences))
        if not self.admitted:
            self._busy_since = self._clock()
        self.admitted += sequences
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1
            self.admitted -= sequences
            self._measure(sequences)

    def _measure(self, sequences: int) -> None:
        now = self._clock()
        self._busy_seconds = self._busy_seconds * FORGETTING + now - self._busy_since
        self._departures = self._departures * FORGETTING + sequences
        self._busy_since = now

    def _retry_after(self, sequences: int) -> int:
        """Whole seconds until this caller's turn: those who were refused before it come back before it.

        All that are given the same second may come at its beginning: no more than have room at once.
        """
        now = self._clock()
        seconds_each = max(self._busy_seconds / self._departures * PATIENCE, 1 / self.capacity)
        self._promised_until = max(self._promised_until, now) + sequences * seconds_each
        return max(1, ceil(self._promised_until - now))
