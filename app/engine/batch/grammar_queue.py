"""Sequences whose grammar is being compiled: they wait here, so that the others need not."""

from __future__ import annotations

from concurrent.futures import Future, wait

from app.engine.batch.grammar import Grammars, Matcher
from app.engine.batch.sequence import Sequence

PATIENCE = 0.005
"""Seconds of a look at grammars where there is nothing else to do; messages wait as long."""


class GrammarQueue:
    """Holds sequences from their submission until their grammar is compiled."""

    def __init__(self, grammars: Grammars) -> None:
        self._grammars = grammars
        self._compiling: list[tuple[Sequence, Future[Matcher]]] = []

    def __len__(self) -> int:
        return len(self._compiling)

    def add(self, sequence: Sequence) -> None:
        """Begin to compile a sequence's grammar."""
        generation = sequence.generation
        self._compiling.append((sequence, self._grammars.open(generation.grammar, generation.typed)))

    def remove(self, number: int) -> None:
        """Forget a sequence; an unknown number is not here."""
        for sequence, future in self._compiling:
            if sequence.number == number:
                future.cancel()
        self._compiling = [(s, future) for s, future in self._compiling if s.number != number]

    def take(self, *, idle: bool) -> list[Sequence]:
        """The sequences whose grammar is compiled; one whose grammar cannot be has failed.

        Args:
            idle: Whether there is nothing else to do: then it waits a moment.
        """
        if idle and self._compiling:
            wait([future for _, future in self._compiling], PATIENCE, "FIRST_COMPLETED")
        done = [(sequence, future) for sequence, future in self._compiling if future.done()]
        self._compiling = [(sequence, future) for sequence, future in self._compiling if not future.done()]
        for sequence, future in done:
            try:
                sequence.matcher = future.result()
            except ValueError as error:
                sequence.fail(str(error), grammar=True)
        return [sequence for sequence, _ in done]
