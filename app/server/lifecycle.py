"""The server process: accepts, drains when it is told to end, and says how it ended."""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.completion.service import Service
from app.server.connection import BoundedConfig, ConnectionLimits
from app.server.descriptors import affordable_connections
from app.settings import Settings

REFUSED, FORCED = 1, 130
"""Exit statuses: the model cannot be served; requests were cut by a second signal."""


ALLOCATIONS = 50_000
"""Objects made before the youngest are looked through; a request leaves none that only this would find."""


class Server(uvicorn.Server):
    """Ends in steps.

    The first SIGTERM or SIGINT turns readiness off; after the pre-stop delay nothing more is accepted, what
    runs finishes within the grace period, and the exit status is 0. A second signal cuts what runs. A worker
    also ends when its supervisor, a process id, is gone.
    """

    def __init__(self, config: uvicorn.Config, service: Service, supervisor: int | None = None) -> None:
        super().__init__(config)
        self._service = service
        self._supervisor = supervisor
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, or force the end."""
        if self._service.draining:
            self.force_exit = self.should_exit = True
        else:
            self._service.draining = True
            self._stop_at = time.monotonic() + self._service.settings.pre_stop_seconds

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop accepting; asked ten times a second."""
        if (
            self._service.refused
            or (self._stop_at is not None and time.monotonic() >= self._stop_at)
            or (self._supervisor is not None and os.getppid() != self._supervisor)
        ):
            self.should_exit = True
        return await super().on_tick(counter)


def uncollected(compose: Callable[[], FastAPI]) -> FastAPI:
    """The application, left out of garbage collection: it stays, the guard's tables above all.

    Going through it takes 0.3 s of a start, and 0.1 s each time later.
    """
    gc.disable()
    try:
        return compose()
    finally:
        gc.freeze()
        gc.set_threshold(ALLOCATIONS)
        gc.enable()


def serve(app: FastAPI, sockets: list[socket.socket] | None = None) -> int:
    """Serve until told to end, as a worker where sockets are given; the process's exit status."""
    service: Service = app.state.service
    server = Server(server_config(app), service, os.getppid() if sockets else None)
    server.run(sockets)
    if service.refused:
        print(service.refused, file=sys.stderr)
        return REFUSED
    return FORCED if server.force_exit else 0


def server_config(app: FastAPI) -> BoundedConfig:
    """How an application is served."""
    settings: Settings = app.state.service.settings
    return BoundedConfig(
        app,
        ConnectionLimits.of(settings, affordable_connections(settings.max_connections, spare=0)),
        host=settings.host,
        port=settings.port,
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.grace_seconds,
    )
