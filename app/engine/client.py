"""The HTTP process's side of the engine: spawns it, talks to it, replaces it when it dies or stalls."""

from __future__ import annotations

import asyncio
import itertools
import logging
from types import TracebackType

from app.backoff import Backoff
from app.engine.config import EngineConfig
from app.engine.failures import FailureStreak
from app.engine.interface import State
from app.engine.link import Link, open_link
from app.engine.messages import (
    Cancel,
    Failed,
    Finished,
    FromEngine,
    Generation,
    Logged,
    Prefilled,
    Ready,
    Refused,
    Shutdown,
    Stats,
    Submit,
    Tokens,
)
from app.errors import EngineFailedError, GrammarFailedError, ModelRefusedError, NotReadyError

log = logging.getLogger(__name__)

LOAD_SECONDS = 120.0
"""An engine that is not ready after this long is refused."""

PROBE = Generation(prompt=(0, 1), max_tokens=2)
"""What every engine completes before it is ready, asked again of one that fails on everything else."""

PROBE_SECONDS = 10.0
"""From the moment when an engine is found to fail on everything to its probe."""

ENDING_SECONDS = 1.0
"""For a process that has closed its pipe to end: until then its exit status is not known."""

LOOKS = 10
"""At the engine, in the time after which a silent one is ended."""


class EngineClient:
    """Implements app.engine.interface.Engine over a child process."""

    def __init__(self, config: EngineConfig, *, stall_seconds: float = 10.0) -> None:
        self._config = config
        self._stall_seconds = stall_seconds
        self._state: State = "loading"
        self._trouble: str | None = None
        self._runtime: tuple[str, str] = (config.runtime, "")
        self._stats = Stats()
        self._numbers = itertools.count(1)
        self._steps: dict[int, EngineSteps] = {}
        self._link: Link | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._backoff = Backoff()
        self._streak = FailureStreak()
        self._failing = asyncio.Event()
        self.restarts = 0

    @property
    def state(self) -> State:
        """See interface.Engine."""
        return self._state

    @property
    def trouble(self) -> str | None:
        """See interface.Engine."""
        return self._trouble or ("every generation fails" if self._streak.failing else None)

    @property
    def slots(self) -> int:
        """See interface.Engine."""
        return self._config.slots

    @property
    def runtime(self) -> tuple[str, str]:
        """See interface.Engine."""
        return self._runtime

    @property
    def pid(self) -> int | None:
        """See interface.Engine."""
        return None if self._link is None else self._link.process.pid

    @property
    def stats(self) -> Stats:
        """See interface.Engine."""
        return self._stats

    async def start(self) -> None:
        """See interface.Engine."""
        while self._link is None:
            try:
                self._link = await self._load()
            except OSError as error:
                await self._wait(error)
        self._tasks = [asyncio.create_task(work()) for work in (self._serve, self._watch, self._probe)]

    async def stop(self) -> None:
        """See interface.Engine."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._link is not None:
            self._link.send(Shutdown())
            await self._link.end(2 * ENDING_SECONDS)
        self._lose("the engine was stopped")

    def generate(self, generation: Generation) -> EngineSteps:
        """See interface.Engine."""
        return EngineSteps(self, next(self._numbers), generation)

    def submit(self, steps: EngineSteps) -> None:
        """Send a generation to the engine.

        Raises:
            NotReadyError: The engine is loading or dead.
        """
        if self._state != "ready" or self._link is None:
            raise NotReadyError(f"the engine is {self._state}")
        self._steps[steps.number] = steps
        self._link.send(Submit(steps.number, steps.generation))

    def leave(self, steps: EngineSteps) -> None:
        """Cancel a generation unless it has ended; one that has brought tokens has worked."""
        if self._steps.pop(steps.number, None) is not None and self._link is not None:
            if steps.prefilled is not None:
                self._streak.succeeded()
            self._link.send(Cancel(steps.number))
            steps.put(Failed(steps.number, "the generation was left"))

    async def _load(self) -> Link:
        """An engine that has completed a prompt.

        Raises:
            ModelRefusedError: It says that the model cannot be run, or ends without a word.
            OSError: No process can be started now.
        """
        link = await open_link(self._config)
        try:
            first = await asyncio.wait_for(self._first(link), LOAD_SECONDS)
        except asyncio.CancelledError:
            await link.end()
            raise
        except (TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            status = await link.end(0.0 if isinstance(error, TimeoutError) else ENDING_SECONDS)
            raise ModelRefusedError(
                f"{self._config.model}: the engine ended with status {status} while loading"
            ) from None
        if isinstance(first, Refused):
            await link.end()
            raise ModelRefusedError(f"{self._config.model}: {first.message}")
        self._runtime = (first.runtime, first.runtime_version)
        self._state, self._trouble, self._streak = "ready", None, FailureStreak()
        self._backoff.started()
        return link

    async def _first(self, link: Link) -> Ready | Refused:
        """What a new engine has to say of itself."""
        while True:
            for message in await link.receive():
                if isinstance(message, Ready | Refused):
                    return message
                self._dispatch(message)

    async def _serve(self) -> None:
        """Dispatch what the engine says; when it dies, fail its generations and start another."""
        while True:
            assert self._link is not None
            try:
                while True:
                    for message in await self._link.receive():
                        self._dispatch(message)
            except Exception:  # mostly it is gone; memory for what it sends may be short, too
                self._lose("the engine process died")
                status = await self._link.end(ENDING_SECONDS)
                self._trouble = f"its process died with status {status}"
            wait = self._backoff.ended()
            log.error("engine process died with status %s; starting another%s", status, _after(wait))
            await asyncio.sleep(wait)
            self._link = await self._restart()

    async def _restart(self) -> Link:
        """Another engine, tried for until there is one: whatever is scarce now will be there again."""
        while True:
            self.restarts += 1
            try:
                return await self._load()
            except Exception as error:
                await self._wait(error)

    async def _wait(self, error: Exception) -> None:
        """Say why there is no engine, and wait before the next try."""
        wait = self._backoff.ended()
        self._state, self._trouble = "dead", "the model cannot be loaded"
        if not isinstance(error, ModelRefusedError):
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self._trouble = f"no process can be started: {reason}"
        log.error("no engine: %s; trying again%s", error, _after(wait))
        await asyncio.sleep(wait)

    def _dispatch(self, message: FromEngine) -> None:
        match message:
            case Prefilled() | Tokens():
                if steps := self._steps.get(message.number):
                    steps.put(message)
            case Finished() | Failed():
                if steps := self._steps.pop(message.number, None):
                    steps.put(message)
                    if steps.generation is not PROBE:
                        self._judge(message)
            case Stats():
                self._stats = message
            case Logged(level, text):
                log.log(level, "%s", text)

    def _judge(self, end: Finished | Failed) -> None:
        """Notice an engine that only fails, and one that works again; a grammar's failure is neither."""
        if isinstance(end, Failed) and end.grammar:
            return
        if isinstance(end, Finished):
            self._streak.succeeded()
            return
        self._streak.failed()
        if self._streak.failing and not self._failing.is_set():
            self._failing.set()
            log.error("engine fails on every generation; the last one: %s", end.message)

    async def _probe(self) -> None:
        """Ask an engine that only fails for what it completed when it started; end one that cannot."""
        while True:
            await self._failing.wait()
            await asyncio.sleep(PROBE_SECONDS)
            self._failing.clear()
            if self._state != "ready" or not self._streak.failing:
                continue
            try:
                async with self.generate(PROBE) as steps:
                    async for _ in steps:
                        pass
            except EngineFailedError as error:
                if self._state == "ready" and self._link is not None:
                    log.error("engine fails on its first prompt, too (%s); ending it", error)
                    self._link.process.kill()
            else:
                self._streak.probed()

    def _lose(self, reason: str) -> None:
        self._state = "dead"
        self._stats = Stats()
        lost, self._steps = list(self._steps.values()), {}
        for steps in lost:
            steps.put(Failed(steps.number, reason))

    async def _watch(self) -> None:
        """End a process that has said nothing for too long: it reports several times a second.

        Looks without news are counted, not seconds: time in which this process stood still is not silence.
        """
        silent = 0
        while True:
            await asyncio.sleep(self._stall_seconds / LOOKS)
            link = self._link
            if self._state != "ready" or link is None or link.heard:
                silent = 0
            else:
                silent += 1
            if link is not None:
                link.heard = False
                if silent == LOOKS:
                    log.error("engine process has been silent for %g s; ending it", self._stall_seconds)
                    link.process.kill()


class EngineSteps:
    """Implements app.engine.interface.Steps; entering submits, leaving early cancels."""

    def __init__(self, client: EngineClient, number: int, generation: Generation) -> None:
        self.number = number
        self.generation = generation
        self.prefilled: Prefilled | None = None
        self.finished: Finished | None = None
        self._failed: Failed | None = None
        self._client = client
        self._inbox: asyncio.Queue[Prefilled | Tokens | Finished | Failed] = asyncio.Queue()

    def put(self, message: Prefilled | Tokens | Finished | Failed) -> None:
        """Hand over what the engine said."""
        self._inbox.put_nowait(message)

    async def __aenter__(self) -> EngineSteps:
        self._client.submit(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.leave(self)

    def __aiter__(self) -> EngineSteps:
        return self

    async def __anext__(self) -> Tokens:
        while self.finished is None:
            message = self._failed or await self._inbox.get()
            match message:
                case Tokens():
                    return message
                case Prefilled():
                    self.prefilled = message
                case Finished():
                    self.finished = message
                case Failed():
                    self._failed = message
                    raise (GrammarFailedError if message.grammar else EngineFailedError)(message.message)
        raise StopAsyncIteration


def _after(seconds: float) -> str:
    return f" in {seconds:g} s" if seconds else ""
