"""What the routes work with: made once by the composition root."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import accumulate

from starlette.requests import Request

from app.completion.admission import Admission
from app.completion.chat_template import ChatTemplate
from app.completion.job import Job, Outcome, Piece
from app.completion.limits import Limits
from app.completion.pipeline import Completer, Deliver, together
from app.completion.tokenizer_pool import Tokenization
from app.engine.interface import Engine
from app.errors import ModelRefusedError
from app.guard.guard import Guard
from app.guard.token_bias import ProfanityBias
from app.http.request_record import record_of
from app.http.sse import Emit, EventStream
from app.metrics import Metrics
from app.model.loader import Kind
from app.model.manifest import Manifest
from app.model.tokenizer import Tokenizer
from app.settings import Settings

logger = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
"""Between two looks at the engine and at the guard's files."""


@dataclass(slots=True)
class Service:
    """The parts of a running service.

    Attributes:
        kind: Of the model file.
        chat_template: None where the model file has none.
        draining: The process has been told to end: requests are still answered, but readyz says no.
        refused: Why the model cannot be served, where start-up has found that out.
    """

    settings: Settings
    manifest: Manifest
    kind: Kind
    limits: Limits
    engine: Engine
    tokenizer: Tokenizer
    tokenization: Tokenization
    read_guard: Callable[[], Guard]
    bias: ProfanityBias
    completer: Completer
    admission: Admission
    metrics: Metrics
    chat_template: ChatTemplate | None
    draining: bool = False
    refused: str | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the model beside the block and watch the engine; end both with it.

        One of several workers loads before the block: the others answer until it can.
        """
        tasks = [asyncio.create_task(self._load()), asyncio.create_task(self._watch())]
        try:
            if self.settings.workers > 1:
                await tasks[0]
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.engine.stop()

    async def _load(self) -> None:
        try:
            await self.engine.start()
        except ModelRefusedError as error:
            self.refused = str(error)
            logger.error("%s", error)

    async def _watch(self) -> None:
        while True:
            self.observe()
            await self.refresh_guard()
            await asyncio.sleep(WATCH_SECONDS)

    async def refresh_guard(self) -> None:
        """Replace the guard where the operator's lists have changed; made beside the requests, not in one."""
        guard = await asyncio.to_thread(self.read_guard)
        if guard is not self.completer.guard:
            self.completer.bias = await asyncio.to_thread(self.bias.against, guard)
            self.completer.guard = guard

    def observe(self) -> None:
        """Bring the metrics of engine and admission up to date."""
        self.metrics.ready.set(self.engine.state == "ready" and not self.draining)
        self.metrics.admitted.set(self.admission.admitted)
        self.metrics.observe_engine(self.engine.stats)
        self.metrics.observe_guard(self.completer.guard.version)
        self.metrics.observe_memory({"http": os.getpid(), "engine": self.engine.pid})
        if self.engine.state == "ready":
            self.metrics.observe_model(self.manifest, self.engine.runtime, self.engine.slots)

    async def complete(
        self, request: Request, jobs: Sequence[Job], deliver: Deliver | None = None
    ) -> list[Outcome]:
        """Complete a request's jobs side by side, under one permit; their choices are numbered through.

        Raises:
            OverloadedError: There is no room for all of them.
            ServiceError: See `Completer.run`.
        """
        starts = list(accumulate((job.choices for job in jobs), initial=0))

        async def run(job: Job, start: int) -> Outcome:
            if not start:
                return await self.completer.run(job, deliver)

            async def shifted(piece: Piece) -> None:
                assert deliver is not None
                await deliver(replace(piece, index=piece.index + start))

            outcome = await self.completer.run(job, deliver and shifted)
            choices = tuple(replace(choice, index=choice.index + start) for choice in outcome.choices)
            return replace(outcome, choices=choices)

        with self.admission.permit(starts[-1]):
            outcomes = await together([run(job, start) for job, start in zip(jobs, starts, strict=False)])
        record_of(request.scope).outcomes = outcomes
        return outcomes

    def stream(self, produce: Callable[[Emit], Awaitable[None]]) -> EventStream:
        """An answer that `produce` writes event by event."""
        return EventStream(produce, ping_seconds=self.settings.ping_seconds)


def service_of(request: Request) -> Service:
    """The service that answers a request."""
    service: Service = request.app.state.service
    return service
