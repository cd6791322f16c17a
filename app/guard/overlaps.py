"""Overlaps: which of the words found in a text count, and the spans that they make."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, Protocol

from app.guard.normalize import Normalized
from app.guard.verdict import Span
from app.guard.word_list import ListedWord


class Interval(Protocol):
    """Anything that covers `[start, stop)` of a normalized text."""

    @property
    def start(self) -> int:
        """Index of its first character."""
        ...

    @property
    def stop(self) -> int:
        """Index after its last character."""
        ...


class Match(NamedTuple):
    """A bad word at `[start, stop)` of a normalized text."""

    start: int
    stop: int
    listed: ListedWord


class Reach:
    """Tells how far the intervals that begin at or before an index reach."""

    def __init__(self, intervals: Iterable[Interval]) -> None:
        ordered = sorted((interval.start, interval.stop) for interval in intervals)
        self._starts = [start for start, _ in ordered]
        self._stops = list(accumulate((stop for _, stop in ordered), max))

    def of(self, index: int) -> int:
        """The furthest stop of the intervals that begin at or before an index; -1 where there is none."""
        found = bisect_right(self._starts, index)
        return self._stops[found - 1] if found else -1


def exposed(bad: Sequence[Match], innocent: Sequence[Interval]) -> list[Match]:
    """The bad words that lie within no innocent one.

    An innocent word that a bad one reaches into from outside covers nothing: what is masked of it
    would leave the rest without its excuse.
    """
    if not innocent:
        return list(bad)
    bad_reach = Reach(bad)
    covers = Reach(
        word
        for word in innocent
        if bad_reach.of(word.start - 1) <= word.start and bad_reach.of(word.stop - 1) <= word.stop
    )
    return [match for match in bad if covers.of(match.start) < match.stop]


def spans(bad: Iterable[Match], normalized: Normalized) -> list[Span]:
    """One span of the source for each group of overlapping bad words, named after the most severe."""
    origin, found = normalized.origin, list[Span]()
    begin = stop = 0
    worst: ListedWord | None = None
    for match in sorted(bad, key=itemgetter(0, 1)):
        if worst is not None and match.start < stop:
            stop = max(stop, match.stop)
            worst = match.listed if match.listed.severity > worst.severity else worst
            continue
        if worst is not None:
            found.append(Span(origin[begin], origin[stop - 1] + 1, worst.category, worst.severity))
        begin, stop, worst = match
    if worst is not None:
        found.append(Span(origin[begin], origin[stop - 1] + 1, worst.category, worst.severity))
    return found
