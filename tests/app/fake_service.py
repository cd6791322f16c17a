"""`python -m tests.app.fake_service PAUSE [NUMBER FD...]`: the service over the scripted engine.

A PAUSE of `refused` makes the engine refuse the model; TEST_LOADING_SECONDS is how long it loads.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys

from fastapi import FastAPI

from app.errors import ModelRefusedError
from app.guard.loader import load_guard
from app.guard.verdict import Thresholds
from app.logs import configure_logs
from app.main import create_app
from app.server.lifecycle import serve, uncollected
from app.server.sockets import bind_sockets
from app.server.worker_metrics import share_metrics
from app.server.workers import serve_workers
from app.settings import Settings
from tests.app.conftest import tiny_manifest
from tests.fakes import ByteTokenizer, FakeEngine

LOADING = "TEST_LOADING_SECONDS"


class LoadingEngine(FakeEngine):
    async def start(self) -> None:
        self.state = "loading"
        await asyncio.sleep(float(os.environ.get(LOADING, "0")))
        self.state = "ready"


class RefusingEngine(FakeEngine):
    async def start(self) -> None:
        self.state = "dead"
        raise ModelRefusedError("tiny.tflite: built for the other runtime")


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
        guard = load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())
        return create_app(
            settings,
            manifest=tiny_manifest(),
            engine=RefusingEngine() if pause == "refused" else LoadingEngine(pause=float(pause)),
            open_tokenizer=ByteTokenizer,
            guard=lambda: guard,
        )

    return serve(uncollected(compose), sockets, supervisor)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
