"""A live engine process and the pipe to it, as the HTTP process holds them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from dataclasses import dataclass

from app.engine import channel
from app.engine.config import EngineConfig
from app.engine.messages import FromEngine, ToEngine
from app.installation import module_command, module_environment

REAP_SECONDS = 0.01
"""Between two looks at a process that is about to end."""


@dataclass(slots=True)
class Link:
    """A process, its pipe, and whether it has sent anything since `heard` was last cleared."""

    process: subprocess.Popen[bytes]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: bool = True

    def send(self, message: ToEngine) -> None:
        """Send a message; nothing happens where the process has just died: the receiver will notice."""
        if not self.writer.is_closing():
            self.writer.write(channel.pack([message]))

    async def receive(self) -> list[FromEngine]:
        """The next messages.

        Raises:
            asyncio.IncompleteReadError, OSError: The process is gone.
        """
        messages: list[FromEngine] = await channel.receive(self.reader)
        self.heard = True
        return messages

    async def wait(self) -> int:
        """The exit status of the process, once it has ended."""
        while (status := self.process.poll()) is None:
            await asyncio.sleep(REAP_SECONDS)
        return status

    async def end(self, grace: float = 0.0) -> int:
        """Make sure that the process is gone; its exit status.

        Args:
            grace: Seconds for it to end by itself.
        """
        self.writer.close()
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self.wait(), grace)
        self.process.kill()
        return await self.wait()


async def open_link(config: EngineConfig) -> Link:
    """Start an engine process and send it its configuration.

    Raises:
        OSError: The system has no descriptor, process or memory to give.
    """
    ours, theirs = socket.socketpair()
    inherited = [theirs.fileno(), *([] if config.descriptor is None else [config.descriptor])]
    with theirs:
        try:
            reader, writer = await asyncio.open_unix_connection(sock=ours)
        except BaseException:
            ours.close()
            raise
        try:
            # Not by asyncio: where a descriptor is short, uvloop's way leaves those open that it had got.
            process = subprocess.Popen(
                (*module_command("app.engine.worker"), str(theirs.fileno())),
                pass_fds=inherited,
                env=module_environment(),
            )
        except BaseException:
            writer.close()
            raise
    writer.write(channel.pack([config]))
    return Link(process, reader, writer)
