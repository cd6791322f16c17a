"""Several server processes on the same sockets, each with an engine of its own."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

from app.backoff import Backoff
from app.installation import module_command, module_environment
from app.server.lifecycle import REFUSED
from app.server.multiprocess_metrics import end_metrics, metrics_folder
from app.server.signals import heeded
from app.server.sockets import url_of

logger = logging.getLogger(__name__)

COMMAND = module_command("app")

UNBEGUN = (-signal.SIGTERM, -signal.SIGINT)
"""Statuses of workers that were told to end before they could listen: nothing had begun."""


class Workers:
    """Starts a command some times over, replaces those that die, and passes signals on.

    The command's last arguments are the worker's number and the descriptors of the listening sockets.
    """

    def __init__(
        self,
        count: int,
        sockets: Sequence[socket.socket],
        command: Sequence[str],
        on_death: Callable[[int], None],
    ) -> None:
        self._count = count
        self._url = url_of(sockets)
        self._descriptors = [listening.fileno() for listening in sockets]
        self._command = command
        self._on_death = on_death
        self._processes: set[asyncio.subprocess.Process] = set()
        self._ending = asyncio.Event()
        self._statuses: list[int] = []

    async def run(self) -> int:
        """Serve until told to end; the worst exit status of a worker."""
        loop = asyncio.get_running_loop()
        for number in heeded():
            loop.add_signal_handler(number, self._end, signal.SIGTERM if number == signal.SIGHUP else number)
        logger.info("%d workers running on %s", self._count, self._url)
        async with asyncio.TaskGroup() as group:
            for worker in range(self._count):
                group.create_task(self._keep(worker))
        return max(self._statuses, default=0)

    def _end(self, number: int) -> None:
        self._ending.set()
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.send_signal(number)

    async def _keep(self, worker: int) -> None:
        """Keep one worker running until the end; one that refuses to start at all ends all."""
        backoff, starts = Backoff(), 0
        while not self._ending.is_set():
            starts += 1
            try:
                status = await self._work(worker, backoff)
            except (OSError, RuntimeError) as error:  # no process or thread can be had now
                reason = f"cannot be started: {error}"
            else:
                reason = f"died with status {status}"
                if status == REFUSED and starts == 1 and not self._ending.is_set():
                    self._end(signal.SIGTERM)
                if self._ending.is_set():
                    self._statuses.append(_exit_status(status))
                    return
            wait = backoff.ended()
            logger.error("worker %s; starting another%s", reason, f" in {wait:g} s" if wait else "")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), wait)

    async def _work(self, worker: int, backoff: Backoff) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(worker),
            *map(str, self._descriptors),
            pass_fds=self._descriptors,
            env=module_environment(),
            start_new_session=True,  # a terminal's Ctrl+C reaches the workers once: through us
        )
        backoff.started()
        self._processes.add(process)
        if self._ending.is_set():  # while it was started
            process.send_signal(signal.SIGTERM)
        try:
            return await process.wait()
        finally:
            self._processes.remove(process)
            self._on_death(worker)


def _exit_status(status: int) -> int:
    """As a shell would have it; 0 for one that had not begun."""
    if status in UNBEGUN:
        return 0
    return 128 - status if status < 0 else status


def serve_workers(count: int, sockets: Sequence[socket.socket], command: Sequence[str] = COMMAND) -> int:
    """Serve with several processes; the exit status."""
    with metrics_folder() as folder:

        def forget(worker: int) -> None:
            if folder is not None:
                end_metrics(folder, worker)

        async def run() -> int:
            return await Workers(count, sockets, command, forget).run()

        return asyncio.run(run())
