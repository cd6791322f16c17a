"""What the figures were measured on, and whether anybody disturbed them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

INSTRUCTION_SETS = ("amx_int8", "avx512_vnni", "avx512f", "avx_vnni", "avx2", "asimddp", "asimd")
TICKS = os.sysconf("SC_CLK_TCK")
PACKAGES = ("ai-edge-litert", "llama-cpp-python", "litert-lm-api", "numpy")


def describe() -> dict[str, str | int]:
    """Cores, processor and the widest instruction sets that matter here."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): value.strip() for key, value in fields.items()}
    flags = named.get("flags", named.get("Features", "")).split()
    return {
        "cores": os.cpu_count() or 1,
        "processor": named.get("model name", platform.machine()),
        "instructions": " ".join(name for name in INSTRUCTION_SETS if name in flags),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Versions of the packages that are compared."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


class Probe:
    """Times a fixed piece of work: a neighbour on the machine makes it slower."""

    TOLERANCE = 1.25

    def __init__(self) -> None:
        self._matrix = np.random.default_rng(0).normal(size=(384, 384)).astype(np.float32)
        self._best = min(self._time() for _ in range(20))

    def disturbed(self) -> bool:
        """Whether the machine is busy with something else right now."""
        took = min(self._time() for _ in range(3))
        self._best = min(self._best, took)
        return took > self.TOLERANCE * self._best

    def _time(self) -> float:
        began = time.perf_counter()
        for _ in range(4):
            self._matrix @ self._matrix
        return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Usage:
    """What others have used of a machine for a while, in cores on average.

    Attributes:
        others: Other processes.
        steal: Other machines on the same processor.
    """

    others: float
    steal: float

    @property
    def cores(self) -> float:
        """Both."""
        return self.others + self.steal

    @property
    def quiet(self) -> bool:
        """Whether nobody disturbed."""
        return self.cores <= Neighbours.QUIET


class Neighbours:
    """How much of the machine others have used since it was made, by the kernel's accounts."""

    QUIET = 0.15
    """Of a core: what a machine uses that does nothing."""

    def __init__(
        self, *ours: int, proc: Path = Path("/proc"), clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._ours = (os.getpid(), *ours)
        self._proc, self._clock = proc, clock
        self._began, self._then = clock(), self._used()

    def usage(self) -> Usage:
        """Other processes than these and their children, and other machines."""
        seconds = self._clock() - self._began
        others, steal = (
            max(0.0, now - then) / seconds for now, then in zip(self._used(), self._then, strict=True)
        )
        return Usage(others, steal)

    def cores(self) -> float:
        """Cores that were busy on average with anything else."""
        return self.usage().cores

    def _used(self) -> tuple[float, float]:
        """Processor seconds (proc(5): ticks of user, nice, system, irq, softirq time), and those stolen."""
        user, nice, system, _, _, irq, softirq, steal = _ticks(self._proc / "stat", 1, 9)
        ours = sum(_of(process, self._proc, self._ours) for process in self._ours)
        return (user + nice + system + irq + softirq - ours) / TICKS, steal / TICKS


def processor_seconds(process: int, proc: Path = Path("/proc")) -> float:
    """What a process and its children have computed."""
    return _of(process, proc) / TICKS


def _of(process: int, proc: Path, apart: tuple[int, ...] = ()) -> int:
    """Ticks of a process and its children, but for those that are counted apart."""
    ticks = sum(_ticks(proc / f"{process}/stat", 13, 15))
    for child in _children(process, proc):
        if child not in apart:
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                ticks += _of(child, proc, apart)
    return ticks


def _children(process: int, proc: Path) -> Iterator[int]:
    """Of all threads of a process; one may end meanwhile."""
    for listed in proc.glob(f"{process}/task/*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield from map(int, listed.read_text().split())


def _ticks(account: Path, first: int, last: int) -> list[int]:
    line, *_ = account.read_text().splitlines()
    return [int(field) for field in line.split()[first:last]]
