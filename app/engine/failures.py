"""Notices an engine that lives and answers, but only with failures: a circuit breaker (Nygard, 2018)."""

from __future__ import annotations

FAILURES = 5
"""Generations that have failed one after the other when the engine is held to fail on all."""


class FailureStreak:
    """Counts generations that fail with no success between them."""

    def __init__(self) -> None:
        self._count = 0

    @property
    def failing(self) -> bool:
        """Whether nothing has worked for so long that nothing is expected to."""
        return self._count >= FAILURES

    def succeeded(self) -> None:
        """A generation has got what it asked for."""
        self._count = 0

    def failed(self) -> None:
        """A generation has failed."""
        self._count += 1

    def probed(self) -> None:
        """The engine has completed a prompt of our own: give it one more chance with the clients'."""
        self._count = min(self._count, FAILURES - 1)
