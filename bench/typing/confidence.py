"""Whether the stated confidence tells right suggestions from wrong ones, and what a threshold on it does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.typing.estimate import Estimate, bootstrap, share
from bench.typing.positions import Position
from bench.typing.texts import Text

Scored = tuple[float, bool]
"""Confidence of a suggestion that was shown, and whether it was right."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What is left where only suggestions of at least this confidence are shown.

    Attributes:
        min_confidence: The threshold.
        precision: Share of what is shown that is right; None where nothing is shown.
        coverage: Share of all carets at which something is shown.
    """

    min_confidence: float
    precision: Estimate | None
    coverage: Estimate | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Suggestions whose stated confidence is about the same.

    Attributes:
        stated: Mean of what was stated.
        right: Share of them that is right.
    """

    stated: float
    right: Estimate


def scored(positions: Sequence[Position]) -> list[Scored]:
    """Suggestions that were shown with a confidence."""
    return [
        (position.suggestion.confidence, position.right)
        for position in positions
        if position.suggestion.shown and position.suggestion.confidence is not None
    ]


def area(values: Sequence[Scored]) -> float | None:
    """Area under the ROC: the chance that a right suggestion has more confidence than a wrong one."""
    right = [value for value, good in values if good]
    wrong = np.sort([value for value, good in values if not good])
    if not right or not wrong.size:
        return None
    below = np.searchsorted(wrong, right, "left")
    not_above = np.searchsorted(wrong, right, "right")
    return float(np.mean(below + not_above) / 2 / len(wrong))


def auc(positions: Sequence[Position]) -> Estimate | None:
    """The area under the ROC curve of the confidence."""
    by_text: dict[Text, list[Scored]] = defaultdict(list)
    for position in positions:
        by_text[position.text] += scored([position])
    groups = list(by_text.values())
    flat = [value for group in groups for value in group]
    return bootstrap(groups, lambda drawn: area([value for group in drawn for value in group]), len(flat))


def right_between(positions: Sequence[Position], low: float, high: float) -> Estimate | None:
    """Share of right ones among suggestions whose stated confidence is at least low and below high."""
    some = [good for value, good in scored(positions) if low <= value < high]
    return share(sum(some), len(some))


def threshold(positions: Sequence[Position], min_confidence: float) -> Threshold:
    """Precision and coverage at one threshold."""
    values = scored(positions)
    kept = [good for value, good in values if value >= min_confidence]
    covered = share(len(kept), len(positions)) if values else None
    return Threshold(min_confidence, share(sum(kept), len(kept)), covered)


def reliability(positions: Sequence[Position], bins: int = 10) -> list[Bin]:
    """What was stated beside what was right, in bins of equal width; empty ones are left out."""
    by_bin: dict[int, list[Scored]] = defaultdict(list)
    for value, good in scored(positions):
        by_bin[min(int(value * bins), bins - 1)].append((value, good))
    found = []
    for _, some in sorted(by_bin.items()):
        right = share(sum(good for _, good in some), len(some))
        assert right is not None
        found.append(Bin(sum(value for value, _ in some) / len(some), right))
    return found
