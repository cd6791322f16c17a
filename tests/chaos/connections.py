"""Connections that are opened and held: by clients that say nothing, and by clients that read nothing."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress

from tests.chaos.watch import Watch
from tests.service_process import ServiceProcess, Usage, wait_until

CAP = 32
"""AUTOCOMPLETE_MAX_CONNECTIONS of a service that these faults strike."""

REQUEST = b"GET /model HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(service: ServiceProcess, receive_buffer: int | None = None) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(2)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(service.address)
    return connection


def is_open(connection: socket.socket) -> bool:
    """Whether the other side has not closed it."""
    connection.setblocking(False)
    try:
        return bool(connection.recv(65_536))
    except BlockingIOError:
        return True
    except OSError:
        return False


def idle_at_the_cap(service: ServiceProcess, watch: Watch) -> str:
    """As many connections as are permitted, opened anew whenever the server closes one, say nothing."""
    opened = 0
    with ExitStack() as stack:
        held: list[socket.socket] = []
        watch.strike()
        while time.monotonic() - watch.struck < 12:
            held = [connection for connection in held if is_open(connection)]
            while len(held) < CAP:
                with suppress(OSError):
                    held.append(stack.enter_context(connect(service)))
                    opened += 1
            time.sleep(0.02)
    return f"{opened} connections opened, {CAP} at a time"


def readers_that_stall(service: ServiceProcess, watch: Watch) -> str:
    """Connections that ask for somewhat more than the kernel holds, and read nothing."""
    before = Usage.of(service.process.pid).files
    with ExitStack() as stack:
        watch.strike()
        for number in range(CAP // 2):
            connection = stack.enter_context(connect(service, 2048))
            with suppress(OSError):
                for _ in range(1500 + 10 * number):
                    connection.sendall(REQUEST)
        most = Usage.of(service.process.pid).files - before
        wait_until(
            lambda: Usage.of(service.process.pid).files <= before + 8, 60
        )  # the watch's own come and go
    return f"{most} connections held, closed after {time.monotonic() - watch.struck:.1f} s"
