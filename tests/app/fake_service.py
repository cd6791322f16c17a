"""`python -m tests.app.fake_service PAUSE [NUMBER FD...]`: the service over the scripted engine.

A PAUSE of `refused` makes the engine refuse the model; where it is a path, the engine answers when there is
such a file. TEST_LOADING_SECONDS is how long it loads.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from app.engine.messages import Generation
from app.errors import ModelRefusedError
from app.guard.guard import Guard
from app.guard.loader import load_guard, make_guard
from app.guard.verdict import Thresholds
from app.logs import configure_logs
from app.main import create_app
from app.server.lifecycle import serve, uncollected
from app.server.multiprocess_metrics import share_metrics
from app.server.sockets import bind_sockets
from app.server.workers import serve_workers
from app.settings import Settings
from tests.fakes import ByteTokenizer, FakeEngine, FakeSteps, tiny_manifest

LOADING = "TEST_LOADING_SECONDS"


class LoadingEngine(FakeEngine):
    async def start(self) -> None:
        self.state = "loading"
        await asyncio.sleep(float(os.environ.get(LOADING, "0")))
        self.state = "ready"


class WaitingEngine(LoadingEngine):
    """Answers when there is a file."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    @asynccontextmanager
    async def generate(self, generation: Generation) -> AsyncIterator[FakeSteps]:
        while not self._file.exists():
            await asyncio.sleep(0.01)
        async with super().generate(generation) as steps:
            yield steps


class RefusingEngine(FakeEngine):
    async def start(self) -> None:
        self.state = "dead"
        raise ModelRefusedError("tiny.tflite: built for the other runtime")


def an_engine(pause: str) -> FakeEngine:
    if pause == "refused":
        return RefusingEngine()
    return WaitingEngine(Path(pause)) if "/" in pause else LoadingEngine(pause=float(pause))


def a_guard(settings: Settings) -> Guard:
    """The built-in one; where it is off, one without words, which takes no time to load."""
    if settings.profanity == "off":
        return make_guard([], [], Thresholds(), "none")
    return load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())


def main(pause: str, *arguments: str) -> int:
    settings = Settings()
    configure_logs(settings)
    supervisor = None
    if arguments:
        worker, *descriptors = map(int, arguments)
        share_metrics(worker)
        sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        supervisor = os.getppid()
    else:
        sockets = bind_sockets(settings.host, settings.port)
        if settings.workers > 1:
            command = (sys.executable, "-m", "tests.app.fake_service", pause)
            return serve_workers(settings.workers, sockets, command)

    def compose() -> FastAPI:
        guard = a_guard(settings)
        return create_app(
            settings,
            manifest=tiny_manifest(),
            engine=an_engine(pause),
            open_tokenizer=ByteTokenizer,
            guard=lambda: guard,
        )

    return serve(uncollected(compose), sockets, supervisor)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
