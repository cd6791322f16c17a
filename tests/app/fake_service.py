"""`python -m tests.app.fake_service PAUSE [FD]`: the service as processes, over the scripted engine.

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


def main(pause: str, *descriptors: str) -> int:
    settings = Settings()
    configure_logs(settings)
    if settings.workers > 1 and not descriptors:
        return serve_workers(settings, (sys.executable, "-m", "tests.app.fake_service", pause))

    def compose() -> FastAPI:
        guard = load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())
        return create_app(
            settings,
            manifest=tiny_manifest(),
            engine=RefusingEngine() if pause == "refused" else LoadingEngine(pause=float(pause)),
            open_tokenizer=ByteTokenizer,
            guard=lambda: guard,
        )

    return serve(
        uncollected(compose), [socket.socket(fileno=int(descriptor)) for descriptor in descriptors] or None
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
