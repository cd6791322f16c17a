"""What the engine's two kinds of step cost, at the sizes that were measured and between them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

Points = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by size, on one kind of machine with a number of threads.

    Attributes:
        prefill: (prompt tokens computed in a chunk, seconds), by size.
        decode: (sequences of a step, seconds), by size.
        overhead: Seconds to a first token beside the engine's steps: HTTP, guard, tokenizer, two pipes.
    """

    threads: int
    prefill: Points
    decode: Points
    overhead: float

    def prefill_seconds(self, tokens: int) -> float:
        """Of one chunk of a prompt."""
        return _between(self.prefill, tokens)

    def decode_seconds(self, sequences: int) -> float:
        """Of one step of so many sequences."""
        return _between(self.decode, sequences)

    def write(self, path: Path, machine: dict[str, str | int]) -> None:
        """Keep it as JSON, with what it was measured on."""
        path.write_text(json.dumps({"machine": machine, **asdict(self)}, indent=2) + "\n")


def mean_cost(one: Cost, other: Cost) -> Cost:
    """Halfway between two measurements of the same sizes."""

    def mean(pairs: Points, others: Points) -> Points:
        return tuple((size, (a + b) / 2) for (size, a), (_, b) in zip(pairs, others, strict=True))

    return Cost(
        one.threads,
        mean(one.prefill, other.prefill),
        mean(one.decode, other.decode),
        (one.overhead + other.overhead) / 2,
    )


def read_cost(path: Path) -> Cost:
    """What `Cost.write` has kept."""
    read = json.loads(path.read_text())
    prefill, decode = (tuple((int(n), float(s)) for n, s in read[kind]) for kind in ("prefill", "decode"))
    return Cost(read["threads"], prefill, decode, read["overhead"])


def _between(points: Points, size: int) -> float:
    """On the line between two neighbours; beyond the last one, on the line through the last two."""
    sizes, seconds = zip(*points, strict=True)
    if size <= sizes[-1] or len(points) == 1:
        return float(np.interp(size, sizes, seconds))
    slope = (seconds[-1] - seconds[-2]) / (sizes[-1] - sizes[-2])
    return float(seconds[-1] + slope * (size - sizes[-1]))
