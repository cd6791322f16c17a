"""A search for slow texts: short patterns, repeated; the worst so far are varied further."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic, process_time

KEPT = 20
LONGEST = 256
"""Characters of a pattern."""

Work = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Slow:
    """A pattern and the processor time that a character of its text costs, in µs."""

    cost: float
    pattern: str


def grown(pattern: str, size: int) -> str:
    """A pattern repeated to a text of so many characters."""
    return (pattern * (size // len(pattern) + 1))[:size]


def microseconds(work: Work, text: str, rounds: int = 2) -> float:
    """Processor time of some work for each character; the best of some rounds."""
    times = []
    for _ in range(rounds):
        start = process_time()
        work(text)
        times.append(process_time() - start)
    return min(times) / len(text) * 1e6


def patterns(
    best: Sequence[Slow], units: Sequence[str], split: Callable[[str], list[str]], chance: random.Random
) -> Iterator[str]:
    """Random patterns, and variations of the worst so far."""
    while True:
        if best and chance.random() < 0.6:
            parts = split(chance.choice(best).pattern)
            for _ in range(chance.randint(1, 2)):
                at = chance.randint(0, len(parts))
                parts[at : at + chance.randint(0, 1)] = [chance.choice(units)] * chance.randint(0, 1)
        else:
            parts = [chance.choice(units) for _ in range(chance.randint(1, 4))]
        yield "".join(parts)


def slowest(
    work: Work, units: Sequence[str], seconds: float, size: int, seed: int = 1
) -> tuple[list[Slow], int]:
    """The slowest patterns that were found in so much time, measured anew, and how many were tried."""
    best: list[Slow] = []
    seen: set[str] = set()
    end = monotonic() + seconds
    for pattern in patterns(best, units, list, random.Random(seed)):
        if monotonic() > end:
            break
        if pattern and pattern not in seen and len(pattern) <= LONGEST:
            seen.add(pattern)
            found = Slow(microseconds(work, grown(pattern, size)), pattern)
            best[:] = sorted([*best, found], key=lambda slow: slow.cost, reverse=True)[:KEPT]
    anew = [Slow(microseconds(work, grown(slow.pattern, size), 5), slow.pattern) for slow in best[:5]]
    return sorted(anew, key=lambda slow: slow.cost, reverse=True), len(seen)
