"""A measured value with its 95 % interval and the number of cases behind it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Z = 1.959964
"""Of the normal distribution, two-sided, 95 %."""

RESAMPLES = 1000
SEED = 7

Group = TypeVar("Group")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value.

    Attributes:
        value: As measured.
        low: Lower end of its 95 % interval.
        high: Upper end.
        count: Carets, keystrokes, texts or requests behind it.
    """

    value: float
    low: float
    high: float
    count: int


def share(hits: int, count: int) -> Estimate | None:
    """A share of independent cases with Wilson's score interval; None where there are no cases."""
    if not count:
        return None
    value = hits / count
    scale = 1 + Z**2 / count
    middle = (value + Z**2 / (2 * count)) / scale
    half = Z / scale * math.sqrt(value * (1 - value) / count + Z**2 / (4 * count**2))
    return Estimate(value, max(0.0, middle - half), min(1.0, middle + half), count)


def bootstrap(
    groups: Sequence[Group], statistic: Callable[[Sequence[Group]], float | None], count: int
) -> Estimate | None:
    """A statistic over texts; its interval is that of as many texts, drawn anew with replacement.

    Args:
        groups: What was measured, by text.
        statistic: Of some of these texts; None where they have too few cases.
        count: Cases in all.
    """
    value = statistic(groups)
    if value is None:
        return None
    found = [statistic([groups[index] for index in draw]) for draw in _draws(len(groups))]
    return _between(value, np.array([one for one in found if one is not None]), count)


def ratio(pairs: Sequence[tuple[int, int]]) -> Estimate | None:
    """The sum of the first over the sum of the second, a pair for each text; these are the cases."""
    hits, count = (sum(pair[side] for pair in pairs) for side in (0, 1))
    if not count:
        return None
    above, below = np.array(pairs, np.float64)[_draws(len(pairs))].sum(axis=1).T
    return _between(hits / count, above[below > 0] / below[below > 0], count)


def quantile(values: Sequence[float], at: float) -> Estimate | None:
    """A quantile with the interval between two order statistics, which presumes no distribution."""
    if not values:
        return None
    ordered, count = sorted(values), len(values)
    half = Z * math.sqrt(count * at * (1 - at))
    low, high = max(0, math.floor(count * at - half)), min(count - 1, math.ceil(count * at + half))
    return Estimate(float(np.quantile(ordered, at)), ordered[low], ordered[high], count)


def _draws(size: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(SEED).integers(size, size=(RESAMPLES, size))


def _between(value: float, drawn: npt.NDArray[np.float64], count: int) -> Estimate:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Estimate(value, float(low), float(high), count)
