"""What a typed session costs, by way of asking."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.session.services import OURS
from bench.session.stretch import Stretch

GOALS = {"median": 1 / 8, "p95": 1.0, "processor": 1 / 3}
"""Most of the best peer's that ours should take."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all undisturbed stretches.

    Attributes:
        keys: How many.
        median, p95: Milliseconds to the whole suggestion.
        processor: Milliseconds of the server's processes a key.
        others, steal: Cores that others used on average.
    """

    keys: int
    median: float
    p95: float
    processor: float
    others: float
    steal: float

    def over(self, other: Figures) -> tuple[float, float, float]:
        """Ratios of median, 95th percentile and processor time: below 1 this one takes less."""
        return self.median / other.median, self.p95 / other.p95, self.processor / other.processor

    @property
    def record(self) -> dict[str, Any]:
        """Rounded to what is meant."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def summarize(found: Mapping[str, Sequence[Stretch]]) -> dict[str, Figures]:
    """The figures of every way that has any."""
    return {name: figures(stretches) for name, stretches in found.items() if stretches}


def figures(stretches: Sequence[Stretch]) -> Figures:
    """Of some stretches, at least one."""
    took = sorted(value for one in stretches for value in one.milliseconds)
    return Figures(
        len(took),
        statistics.median(took),
        took[min(len(took) - 1, int(0.95 * len(took)))],
        sum(one.processor for one in stretches) / len(took),
        statistics.mean(one.usage.others for one in stretches),
        statistics.mean(one.usage.steal for one in stretches),
    )


def best_peer(found: Mapping[str, Figures]) -> str | None:
    """The peer whose median is the least."""
    peers = {name: one.median for name, one in found.items() if name != OURS}
    return min(peers, key=lambda name: peers[name]) if peers else None
