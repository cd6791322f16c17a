"""The completion service: admits requests and runs their jobs. The composition root makes one."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import accumulate

from app.completion.admission import Admission
from app.completion.chat_template import ChatTemplate
from app.completion.concurrency import gather_all
from app.completion.job import Event, Job, Outcome
from app.completion.limits import Limits
from app.completion.pipeline import Pipeline
from app.completion.run import PieceQueue
from app.completion.sessions import Sessions
from app.completion.tokenizer_pool import TokenizerPool
from app.engine.interface import Engine
from app.errors import ModelRefusedError
from app.guard.guard import Guard
from app.guard.token_bias import ProfanityBias
from app.metrics import Metrics
from app.model.loader import Kind
from app.model.manifest import Manifest
from app.model.tokenizer import Tokenizer
from app.settings import Settings

logger = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
"""Seconds between two checks of the engine's counters and the guard's files."""

LOOK_SECONDS = 0.1
"""Between two looks, while the model loads, at whether the process has been told to end."""


@dataclass(slots=True)
class Service:
    """Completes requests; holds the parts that routes need.

    Attributes:
        kind: Of the model file.
        chat_template: None where the model file has none.
        draining: The process has been told to end: requests are still answered, but it is not ready.
        refused: Why the model cannot be served; None unless loading it has failed.
    """

    settings: Settings
    manifest: Manifest
    kind: Kind
    limits: Limits
    engine: Engine
    tokenizer: Tokenizer
    tokenizer_pool: TokenizerPool
    read_guard: Callable[[], Guard]
    bias: ProfanityBias
    pipeline: Pipeline
    admission: Admission
    sessions: Sessions
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
            while self.settings.workers > 1 and not self.draining and not tasks[0].done():
                await asyncio.wait(tasks[:1], timeout=LOOK_SECONDS)
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
        except Exception as error:
            self.refused = f"the engine cannot be started: {error!r}"
            logger.exception("the engine cannot be started")

    async def _watch(self) -> None:
        while True:
            try:
                self.observe()
                await self.refresh_guard()
            except (OSError, RuntimeError) as error:  # a file or a thread is short: the next look may have it
                logger.warning("metrics and guard are not up to date: %s", error)
            await asyncio.sleep(WATCH_SECONDS)

    async def refresh_guard(self) -> None:
        """Replace the guard where the operator's lists have changed; made beside the requests, not in one."""
        guard = await asyncio.to_thread(self.read_guard)
        if guard is not self.pipeline.guard:
            self.pipeline.bias = await asyncio.to_thread(self.bias.against, guard)
            self.pipeline.guard = guard

    def observe(self) -> None:
        """Bring the metrics of engine and admission up to date."""
        usable = self.engine.state == "ready" and not self.engine.trouble
        self.metrics.ready.set(usable and not self.draining)
        self.metrics.running.set(self.admission.requests)
        self.metrics.admitted.set(self.admission.admitted)
        self.metrics.observe_restarts(self.engine.restarts)
        self.metrics.observe_engine(self.engine.stats)
        self.metrics.observe_guard(self.pipeline.guard.version)
        self.metrics.observe_memory({"http": os.getpid(), "engine": self.engine.pid})
        if self.engine.state == "ready":
            self.metrics.observe_model(self.manifest, self.engine.runtime, self.engine.slots)

    async def run(self, jobs: Sequence[Job]) -> AsyncGenerator[Event]:
        """Run a request's jobs side by side: beginnings, pieces as they are ready, an outcome for each job.

        The choices of all jobs are numbered consecutively. Read it under `contextlib.aclosing`: closing it
        ends the work and frees its slots.

        Raises:
            OverloadedError: There is no room for all of them.
            SupersededError: A newer request of the jobs' session came.
            ServiceError: See `Pipeline.run`.
        """
        pieces: PieceQueue = asyncio.Queue()
        with self._permit(jobs):
            work = asyncio.create_task(self._run_all(jobs, pieces))
            work.add_done_callback(lambda _: pieces.put_nowait(None))
            try:
                while (piece := await pieces.get()) is not None:
                    yield piece
                outcomes = await work
            finally:
                await _end(work)
                del work  # avoid a reference cycle: its error's traceback holds this frame
        for outcome in outcomes:
            yield outcome

    async def complete(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Run a request's jobs side by side and return their outcomes, without pieces; see `run`."""
        with self._permit(jobs):
            return await self._run_all(jobs, None)

    def _permit(self, jobs: Sequence[Job]) -> AbstractContextManager[None]:
        return self.admission.permit(sum(job.choices for job in jobs))

    async def _run_all(self, jobs: Sequence[Job], pieces: PieceQueue | None) -> list[Outcome]:
        firsts = accumulate((job.choices for job in jobs), initial=0)
        async with self.sessions.newest(jobs[0].session):
            runs = zip(jobs, firsts, strict=False)
            return await gather_all([self.pipeline.run(job, pieces, first_index=n) for job, n in runs])


async def _end(task: asyncio.Task[list[Outcome]]) -> None:
    """Cancel a task that still runs and wait for its end; an error that nobody awaits is dropped."""
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # without this, asyncio logs an error that was never retrieved
