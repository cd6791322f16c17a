"""The service as processes of its own, for tests that measure or break it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]

REAL = ("app",)
"""Module and arguments of the service on the built model."""

SCRIPTED = ("tests.app.fake_service", "0.002")
"""The same over the scripted engine."""


@dataclass(frozen=True)
class ServiceProcess:
    """A running server; its log goes to a file."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    @property
    def engines(self) -> list[int]:
        return [pid for pid in descendants(self.process.pid) if b"app.engine" in command_line(pid)]

    @property
    def workers(self) -> list[int]:
        """Processes that answer requests; without a supervisor the one."""
        below = [pid for pid in children(self.process.pid) if b"app.engine" not in command_line(pid)]
        return below or [self.process.pid]

    def get(self, path: str, seconds: float = 30.0) -> tuple[int, str]:
        """Status and body of a GET."""
        connection = http.client.HTTPConnection(*self.address, timeout=seconds)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """The sum of a series, or of several, over labels."""
        _, text = self.get("/metrics")
        values = re.findall(rf"^autocomplete_(?:{name})(?:{{.*}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, values))

    def ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/readyz", 5.0)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_until_ready(self, seconds: float = 240) -> float:
        return wait_until(self.ready, seconds)


@contextmanager
def service_process(
    module: tuple[str, ...] = REAL,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **settings: object,
) -> Iterator[ServiceProcess]:
    """Serve on a free port, ready; ended with SIGTERM, in any case ended."""
    port = free_port()
    named = {f"AUTOCOMPLETE_{name.upper()}": str(value) for name, value in settings.items()}
    own = {"AUTOCOMPLETE_PORT": str(port), "AUTOCOMPLETE_LOG_FORMAT": "json"}
    with tempfile.TemporaryDirectory() as folder:
        path = log or Path(folder) / "service.log"
        with path.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", *module],
                env=os.environ | own | named | dict(environment or {}),
                stdout=subprocess.DEVNULL,
                stderr=file,
                cwd=ROOT,
            )
        service = ServiceProcess(process, f"http://127.0.0.1:{port}", path)
        try:
            service.wait_until_ready()
            yield service
        finally:
            end(process)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and see that it does."""
    for number in (signal.SIGCONT, signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(number)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], seconds: float) -> float:
    """The seconds until it is so."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} seconds"
        time.sleep(0.01)
    return time.monotonic() - began


def children(pid: int) -> list[int]:
    found: list[int] = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, file.read_text().split())
        except OSError:
            continue
    return found


def descendants(pid: int) -> list[int]:
    below = children(pid)
    return below + [other for child in below for other in descendants(child)]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds: private memory in kB, open files, threads."""

    memory: int
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        fields = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return cls(int(fields["RssAnon"].split()[0]), files, int(fields["Threads"]))
