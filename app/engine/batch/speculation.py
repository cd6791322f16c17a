"""Prompt lookup: guesses the next tokens from what followed the newest ones before (Saxena, 2023).

A guess costs a wider call and pays only where it is right: in lists, code, quotations, a text that repeats.
So each sequence keeps count of how many guesses were accepted, and drafts only while that is worth the call.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from app.engine.kv.arrays import Ints

DRAFTED = 3
"""Tokens guessed at once; one width, so that the signature keeps its shape.

On processors without matrix instructions calls of two to four tokens take equally long, one of five takes
half as long again.
"""

EXTENDED = DRAFTED + 1
"""Tokens of a call that verifies a draft: the newest and the guessed ones; also of the end of a prompt."""

NGRAMS = (3, 2)
"""Newest tokens that must have occurred before, the longer first."""

SMOOTHING = 0.25
"""Weight of the newest observation in a running mean."""

PATIENCE = 24
"""Tokens without a draft after which a sequence tries again."""


COST = 1.5
"""Of a draft in plain steps, until it has been measured (1.2 to 1.5 on two machines)."""

HOPE = 1.0
"""Guesses accepted a draft, until the sequence has shown how many."""


@dataclass(slots=True)
class Mean:
    """A running mean that forgets."""

    value: float = 0.0
    known: bool = False

    def add(self, observed: float) -> None:
        """Take one more observation in."""
        self.value = self.value + SMOOTHING * (observed - self.value) if self.known else observed
        self.known = True


@dataclass(slots=True)
class Record:
    """A sequence's success with drafts: guesses accepted a draft, and tokens since the last one."""

    accepted: Mean = field(default_factory=lambda: Mean(HOPE, known=True))
    idle: int = 0


class Drafter:
    """Proposes tokens and learns what verifying them costs, against a plain step of one sequence."""

    def __init__(self) -> None:
        self._step = Mean()
        self._draft = Mean()

    def propose(self, record: Record, tokens: Ints) -> list[int]:
        """DRAFTED guesses at what follows the tokens so far, or none where a draft would not pay."""
        if record.idle >= PATIENCE:
            record.accepted.value = HOPE
        cost = self._draft.value / self._step.value if self._draft.known and self._step.known else COST
        guess = look_up(tokens) if 1.0 + record.accepted.value > cost else []
        record.idle = 0 if guess else record.idle + 1
        return guess

    def observe_step(self, seconds: float) -> None:
        """A plain step of one sequence took so long."""
        self._step.add(seconds)

    def observe_draft(self, record: Record, accepted: int, seconds: float) -> None:
        """A draft took so long, and so many of its guesses were right."""
        self._draft.add(seconds)
        record.accepted.add(accepted)


def look_up(tokens: Ints) -> list[int]:
    """What followed the latest earlier occurrence of the newest tokens; a loop goes on as it began."""
    for size in NGRAMS:
        pattern, earlier = tokens[-size:], len(tokens) - size
        if earlier < 1:
            continue
        found = np.flatnonzero(tokens[:earlier] == pattern[0])
        for offset in range(1, size):
            found = found[tokens[found + offset] == pattern[offset]]
        if len(found):
            begin = int(found[-1]) + size
            period = len(tokens) - begin
            return [int(tokens[begin + n % period]) for n in range(DRAFTED)]
    return []
