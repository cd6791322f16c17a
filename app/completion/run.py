"""A job that runs, and the queue through which its pieces are shown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from app.completion.job import Job, Opened, Piece
from app.completion.preparation import Start
from app.guard.guard import Guard
from app.guard.token_bias import LogitBias

PieceQueue = asyncio.Queue[Opened | Piece | None]
"""What a request shows, in the order in which it becomes ready; None after the last."""


@dataclass(frozen=True, slots=True)
class Run:
    """A job that runs.

    Attributes:
        first_index: Index of its first choice among those of the request.
        pieces: Receives each piece as soon as it may be shown; None where the completion is not streamed.
        guard: Checks all of its texts, also when the service gets a new guard meanwhile.
        bias: Against the tokens that this guard flags.
        start: What the engine goes on from.
        started: In seconds of `time.perf_counter`.
    """

    job: Job
    first_index: int
    pieces: PieceQueue | None
    guard: Guard
    bias: LogitBias
    start: Start
    started: float

    @property
    def streamed(self) -> bool:
        """Whether pieces are shown before the end."""
        return self.pieces is not None

    def put(self, piece: Opened | Piece | None) -> None:
        """Show a piece, where the completion is streamed."""
        if piece is not None and self.pieces is not None:
            self.pieces.put_nowait(piece)
