"""The server process: accepts, drains when it is told to end, and says how it ended."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.completion.service import Service
from app.server.connection import SPARE_CONNECTIONS, BoundedConfig, ConnectionLimits
from app.server.descriptors import affordable_connections
from app.server.signals import heeded
from app.server.sockets import BACKLOG, url_of
from app.settings import Settings

logger = logging.getLogger(__name__)

REFUSED, FORCED = 1, 130
"""Exit statuses: the model cannot be served; requests were cut by a second signal."""


ALLOCATIONS = 50_000
"""Objects made before the youngest are looked through; a request leaves none that only this would find."""


class Server(uvicorn.Server):
    """Ends in steps.

    The first SIGTERM, SIGINT or SIGHUP turns readiness off; after the pre-stop delay nothing more is
    accepted, what runs finishes within the grace period, and the exit status is 0. A second signal cuts what
    runs. A worker also ends when its supervisor, a process id, is gone.
    """

    def __init__(self, config: uvicorn.Config, service: Service, url: str, supervisor: int | None) -> None:
        super().__init__(config)
        self._service = service
        self._url = url
        self._supervisor = supervisor
        self._stop_at: float | None = None
        self._announced = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen to SIGHUP as well."""
        with super().capture_signals():
            if signal.SIGHUP in heeded():
                signal.signal(signal.SIGHUP, self.handle_exit)
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, or force the end."""
        if self._service.draining:
            self.force_exit = self.should_exit = True
        else:
            self._service.draining = True
            self._stop_at = time.monotonic() + self._service.settings.pre_stop_seconds

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop accepting; asked ten times a second."""
        if not self._announced and self._service.engine.state == "ready":
            self._announced = True
            logger.info("ready on %s: %s", self._url, introduction(self._service))
        if (
            self._service.refused
            or (self._stop_at is not None and time.monotonic() >= self._stop_at)
            or (self._supervisor is not None and os.getppid() != self._supervisor)
        ):
            self.should_exit = True
        return await super().on_tick(counter)


def introduction(service: Service) -> str:
    """What is served and who may ask, in one line."""
    settings, manifest = service.settings, service.manifest
    keys = [f"{len(settings.api_keys)} API keys"] if settings.api_keys else []
    keys += [f"API keys of {settings.api_keys_file}"] if settings.api_keys_file else []
    return (
        f"{manifest.id}, window {service.limits.default_window} of {manifest.sequence_length} tokens, "
        f"{' and '.join(keys) or 'no API keys'}, profanity {settings.profanity}"
    )


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


def serve(app: FastAPI, sockets: Sequence[socket.socket], supervisor: int | None = None) -> int:
    """Serve on bound sockets until told to end; the process's exit status."""
    service: Service = app.state.service
    server = Server(server_config(app), service, url_of(sockets), supervisor)
    if supervisor is None:
        logger.info("running on %s; the model is being loaded", url_of(sockets))
    try:
        server.run(list(sockets))
    except SystemExit:  # uvicorn's, which has logged why
        return REFUSED
    if service.refused:
        print(service.refused, file=sys.stderr)
        return REFUSED
    return FORCED if server.force_exit else 0


def server_config(app: FastAPI) -> BoundedConfig:
    """How an application is served."""
    settings: Settings = app.state.service.settings
    return BoundedConfig(
        app,
        ConnectionLimits.of(settings, affordable_connections(settings.max_connections, SPARE_CONNECTIONS)),
        host=settings.host,
        port=settings.port,
        backlog=BACKLOG,
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.grace_seconds,
    )
