"""Several server processes on one socket, each with an engine of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from tempfile import TemporaryDirectory

from prometheus_client.multiprocess import mark_process_dead

from app.server.lifecycle import REFUSED
from app.settings import Settings

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "app")

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

BACKLOG = 2048
"""Connections that may wait to be accepted; uvicorn's own number."""

RESTART_SECONDS = 1.0
"""Between the death of a worker and its successor."""


class Workers:
    """Starts a command some times over, replaces those that die, and passes signals on.

    The command is given the descriptor of the listening socket as its last argument.
    """

    def __init__(self, count: int, listening: socket.socket, command: Sequence[str]) -> None:
        self._count = count
        self._listening = listening
        self._command = command
        self._processes: set[asyncio.subprocess.Process] = set()
        self._ending = False
        self._statuses: list[int] = []

    async def run(self) -> int:
        """Serve until told to end; the worst exit status of a worker."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._count):
                group.create_task(self._keep())
        return max(self._statuses, default=0)

    def _end(self, number: int) -> None:
        self._ending = True
        for process in self._processes:
            process.send_signal(number)

    async def _keep(self) -> None:
        """Keep one worker running until the end; one that refuses to start ends all."""
        while not self._ending:
            status = await self._work()
            if status == REFUSED and not self._ending:
                self._end(signal.SIGTERM)
            if self._ending:
                self._statuses.append(status)
                return
            logger.error("worker died with status %d; starting another", status)
            await asyncio.sleep(RESTART_SECONDS)

    async def _work(self) -> int:
        descriptor = self._listening.fileno()
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(descriptor),
            pass_fds=[descriptor],
            start_new_session=True,  # a terminal's Ctrl+C reaches the workers once: through us
        )
        self._processes.add(process)
        try:
            return await process.wait()
        finally:
            self._processes.remove(process)
            mark_process_dead(process.pid)  # type: ignore[no-untyped-call]


def serve_workers(settings: Settings, command: Sequence[str] = COMMAND) -> int:
    """Serve with several processes; the exit status."""
    with TemporaryDirectory(prefix="autocomplete-metrics-") as folder, socket.socket() as listening:
        os.environ.setdefault(METRICS_FOLDER, folder)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(BACKLOG)
        logger.info("%d workers running on http://%s:%d", settings.workers, *listening.getsockname())
        return asyncio.run(Workers(settings.workers, listening, command).run())
