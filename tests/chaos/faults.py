"""What may happen to the processes, files and clocks of a service: each fault is done to a running one."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.connections import CAP, idle_at_the_cap, readers_that_stall
from tests.chaos.watch import PATIENCE, Watch
from tests.conftest import ARTIFACTS
from tests.service_process import REAL, ServiceProcess, service_process, wait_until

Strike = Callable[[ServiceProcess, Watch], str]

SILENCE = 10.0
"""Seconds after which the service ends a silent engine (EngineClient's default)."""


@dataclass(frozen=True)
class Row:
    """What was done, what was seen, and what had to be so."""

    done: str
    clients: dict[int | str, int]
    livez: dict[int | str, int]
    readyz: dict[int | str, int]
    back: float | None
    remark: str


@dataclass(frozen=True)
class Fault:
    """A fault: how it strikes, what clients and probes may see of it, and how the service is started."""

    name: str
    strike: Strike
    allowed: frozenset[int | str] = frozenset({200})
    alive: frozenset[int | str] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    log: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def run(self) -> Row:
        """Start a service, strike, watch."""
        with service_process(REAL, self.log, self.environment, **self.settings) as service:
            watch = Watch(service)
            with watch.watching():
                remark = self.strike(service, watch)
                wait_until(lambda: watch.back() is not None, PATIENCE)
        clients = watch.seen("/complete")
        unexpected = clients.keys() - self.allowed
        assert not unexpected, f"{self.name}: clients saw {clients}"
        livez = watch.seen("/livez")
        assert self.alive is None or livez.keys() <= self.alive, f"{self.name}: livez said {livez}"
        return Row(self.name, clients, livez, watch.seen("/readyz"), watch.back(), remark)


def engine_stopped(seconds: float) -> Strike:
    """SIGSTOP, and SIGCONT in time."""

    def strike(service: ServiceProcess, watch: Watch) -> str:
        (engine,) = service.engines
        watch.strike()
        os.kill(engine, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(engine, signal.SIGCONT)
        assert service.engines == [engine]
        return "same engine"

    return strike


def engine_stuck(service: ServiceProcess, watch: Watch) -> str:
    """SIGSTOP for ever."""
    (engine,) = service.engines
    watch.strike()
    os.kill(engine, signal.SIGSTOP)
    wait_until(lambda: engine not in service.engines, 3 * SILENCE)
    ended = time.monotonic() - watch.struck
    wait_until(lambda: len(service.engines) == 1, PATIENCE)
    assert "has been silent" in service.log.read_text()
    return f"ended after {ended:.1f} s, the log says why"


def engine_killed(number: signal.Signals) -> Strike:
    """The engine dies, as by the kernel's hand or a fault in native code."""

    def strike(service: ServiceProcess, watch: Watch) -> str:
        (engine,) = service.engines
        watch.strike()
        os.kill(engine, number)
        wait_until(lambda: engine not in service.engines, PATIENCE)
        wait_until(lambda: len(service.engines) == 1, PATIENCE)
        return "new engine"

    return strike


def engine_killed_without_files(service: ServiceProcess, watch: Watch) -> str:
    """The engine dies while the HTTP process can open no file, as in a flood of connections."""
    (engine,) = service.engines
    pid = service.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    watch.strike()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    os.kill(engine, signal.SIGKILL)
    wait_until(lambda: "Too many open files; trying again" in service.log.read_text(), 10)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    wait_until(lambda: len(service.engines) == 1, 10)
    return "new engine once files could be opened"


def http_stopped(seconds: float) -> Strike:
    """The process that clients talk to stands still."""

    def strike(service: ServiceProcess, watch: Watch) -> str:
        (engine,) = service.engines
        watch.strike()
        os.kill(service.process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(service.process.pid, signal.SIGCONT)
        time.sleep(2.0)
        assert service.engines == [engine]
        return "same engine"

    return strike


def worker_killed(service: ServiceProcess, watch: Watch) -> str:
    """One of two server processes dies."""
    wait_until(lambda: service.metric("ready") == 2, PATIENCE)
    before = service.workers
    watch.strike()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: before[0] not in service.workers, PATIENCE)
    seconds = wait_until(lambda: len(service.workers) == 2 and service.metric("ready") == 2, PATIENCE)
    return f"two workers again after {seconds:.1f} s"


def fill(disk: Path) -> None:
    """Leave no byte of a file system."""
    with suppress(OSError), (disk / "filler").open("ab", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


def metrics_disk_filled(disk: Path) -> Strike:
    """The workers' temporary folder is full, and they begin to count what they have not counted before."""

    def strike(service: ServiceProcess, watch: Watch) -> str:
        wait_until(lambda: service.metric("ready") == 2, 30)
        before = service.workers
        fill(disk)
        watch.strike()
        for path in ("/no", "/model", "/docs", "/v1/models", "/metrics", "/redoc", "/openapi.json") * 5:
            service.get(path)
        assert service.workers == before
        return "same workers"

    return strike


def metrics_disk_full(service: ServiceProcess, watch: Watch) -> str:
    """The workers' temporary folder was full when they started."""
    watch.strike()
    assert service.log.read_text().count("no room for this worker's metrics") == 2
    assert "autocomplete_requests_total" in service.get("/metrics")[1]
    return "one line of each worker in the log, each shows its own series"


def log_refused(service: ServiceProcess, watch: Watch) -> str:
    """Every line of the log is refused."""
    watch.strike()
    time.sleep(1.0)
    return "nothing logged"


def file_replaced(model: Path) -> Strike:
    """Another file takes the model's name, and the engine dies on top of it."""

    def strike(service: ServiceProcess, watch: Watch) -> str:
        (engine,) = service.engines
        other = model.with_suffix(".new")
        other.write_bytes(b"another file")
        watch.strike()
        other.replace(model)
        os.kill(engine, signal.SIGKILL)
        wait_until(lambda: service.engines != [engine] and len(service.engines) == 1, PATIENCE)
        return "new engine on the file that was verified"

    return strike


def clock_stepped(stamp: Path) -> Strike:
    """The wall clock jumps a day ahead, then two days back."""

    def strike(service: ServiceProcess, watch: Watch) -> str:
        watch.strike()
        for offset in ("+86400", "-86400"):
            stamp.write_text(offset)
            time.sleep(1.5)
        lines = service.log.read_text().splitlines()
        dates = {json.loads(line)["time"][:10] for line in lines if line.startswith('{"time"')}
        assert len(dates) >= 3, f"the clock did not step: {dates}"
        return "dates in the log: " + ", ".join(sorted(dates))

    return strike


def packed_damaged(folder: Path) -> Strike:
    """A byte of the packed weights is flipped; the next engine looks at them."""

    def strike(service: ServiceProcess, watch: Watch) -> str:
        (file,) = folder.glob("*.xnnpack")
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        (folder / "part").write_bytes(content)
        (folder / "part").replace(file)
        watch.strike()
        os.kill(service.engines[0], signal.SIGKILL)
        wait_until(lambda: "damaged; the weights are packed anew" in service.log.read_text(), PATIENCE)
        return "noticed and packed anew"

    return strike


def packed_unstored(service: ServiceProcess, watch: Watch) -> str:
    """The disk was full when the weights were packed."""
    watch.strike()
    assert "No space left on device; the packed weights stay in memory" in service.log.read_text()
    return "one line in the log, weights in memory"


@contextmanager
def small_disk(megabytes: int = 20) -> Iterator[Path]:
    """A file system of so many MB."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def copied_model() -> Iterator[Path]:
    """A copy of the built model in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("autocomplete.tflite", "autocomplete.manifest.json"):
            shutil.copy(ARTIFACTS / name, folder)
        (Path(folder) / "text_ops").symlink_to(ARTIFACTS / "text_ops")
        yield Path(folder) / "autocomplete.tflite"


LOST: frozenset[int | str] = frozenset({200, 500, 503})
"""What an engine's death may cost: the requests in it, and those that come before the next one is ready."""

CUT: frozenset[int | str] = frozenset({200, "RemoteDisconnected", "ConnectionResetError"})
"""What a worker's death may cost: the connections that it held."""

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
"""Debian's libfaketime, with which a process sees another wall clock."""

PROCESSES = [
    Fault("engine: SIGSTOP, after 3 s SIGCONT", engine_stopped(3.0)),
    Fault("engine: SIGSTOP for ever", engine_stuck, LOST),
    Fault("engine: SIGKILL", engine_killed(signal.SIGKILL), LOST),
    Fault("engine: SIGSEGV", engine_killed(signal.SIGSEGV), LOST),
    Fault("engine: SIGKILL while no file can be opened", engine_killed_without_files, LOST | CUT),
    Fault("HTTP process: SIGSTOP, after 12 s SIGCONT", http_stopped(12.0)),
    Fault("one of two workers: SIGKILL", worker_killed, CUT, settings={"workers": 2}),
    Fault(
        "as many idle connections as are permitted",
        idle_at_the_cap,
        LOST | CUT,
        frozenset({200}),
        {"max_connections": CAP},
    ),
    Fault("readers that stall", readers_that_stall, settings={"max_connections": CAP}),
    Fault("log: no space left on device", log_refused, log=Path("/dev/full")),
]


@contextmanager
def files_and_clock() -> Iterator[list[Fault]]:
    """Faults that need something prepared."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model, disk = stack.enter_context(copied_model()), stack.enter_context(small_disk())
        filling, full = stack.enter_context(small_disk(12)), stack.enter_context(small_disk(12))
        fill(full)
        stamp, cache = folder / "clock", folder / "cache"
        stamp.write_text("+0")
        cache.mkdir()
        faults = [
            Fault(
                "model file replaced, engine: SIGKILL", file_replaced(model), LOST, settings={"model": model}
            ),
            Fault(
                "packed weights: a flipped bit", packed_damaged(cache), LOST, settings={"weight_cache": cache}
            ),
            Fault(
                "packed weights: no space left on device", packed_unstored, settings={"weight_cache": disk}
            ),
            Fault(
                "two workers: /tmp is filled",
                metrics_disk_filled(filling),
                settings={"workers": 2},
                environment={"TMPDIR": str(filling)},
            ),
            Fault(
                "two workers: /tmp is full at the start",
                metrics_disk_full,
                settings={"workers": 2},
                environment={"TMPDIR": str(full)},
            ),
        ]
        if FAKETIME is not None:
            preload = {
                "LD_PRELOAD": str(FAKETIME),
                "FAKETIME_TIMESTAMP_FILE": str(stamp),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
            faults.append(Fault("wall clock: +1 day, −2 days", clock_stepped(stamp), environment=preload))
        yield faults
