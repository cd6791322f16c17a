"""Matches: accepted forms in a folded text, and which of them count."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.guard.normalize import Normalized
from app.guard.verdict import Span
from app.guard.word_list import ListedWord


@dataclass(frozen=True, slots=True)
class Match:
    """A form at `[start, stop)` of a folded text; innocent where `entry` is None.

    `excused` where it is bad only elsewhere: a name, a word of another language.
    """

    start: int
    stop: int
    listed: ListedWord | None
    excused: bool

    def covers(self, other: "Match") -> bool:
        """Whether the other lies within this one."""
        return self.start <= other.start and other.stop <= self.stop


def exposed(matches: Iterable[Match]) -> list[Match]:
    """The bad matches that no innocent one covers.

    An innocent match that a bad one reaches into from outside covers nothing: what is masked of it
    would leave the rest without its excuse.
    """
    return [bad for cluster in _clusters(matches) for bad in _exposed(cluster)]


def _exposed(cluster: list[Match]) -> list[Match]:
    bad = [match for match in cluster if match.listed is not None and not match.excused]
    innocent = [match for match in cluster if match.listed is None]
    while True:
        open_bad = [match for match in bad if not any(cover.covers(match) for cover in innocent)]
        kept = [
            cover
            for cover in innocent
            if not any(
                match.start < cover.stop and cover.start < match.stop and not cover.covers(match)
                for match in open_bad
            )
        ]
        if len(kept) == len(innocent):
            return open_bad
        innocent = kept


def _clusters(matches: Iterable[Match]) -> Iterator[list[Match]]:
    """The matches in order, those that overlap together."""
    cluster: list[Match] = []
    end = 0
    for match in sorted(matches, key=lambda match: (match.start, match.stop)):
        if cluster and match.start >= end:
            yield cluster
            cluster = []
            end = 0
        cluster.append(match)
        end = max(end, match.stop)
    if cluster:
        yield cluster


def spans(bad: Iterable[Match], normalized: Normalized) -> list[Span]:
    """One span for each group of overlapping matches, named after the most severe."""
    found = []
    for cluster in _clusters(bad):
        start = normalized.origin[cluster[0].start]
        end = normalized.origin[max(match.stop for match in cluster) - 1] + 1
        worst = max((match.listed for match in cluster if match.listed), key=lambda listed: listed.severity)
        found.append(Span(start, end, worst.category, worst.severity))
    return found
