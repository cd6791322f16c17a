"""What the figures were measured on, and whether anybody disturbed them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

INSTRUCTION_SETS = ("amx_int8", "avx512_vnni", "avx512f", "avx_vnni", "avx2", "asimddp", "asimd")
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

    def cores(self) -> float:
        """Cores that were busy on average with other processes than these and their children."""
        return (self._used() - self._then) / (self._clock() - self._began)

    def _used(self) -> float:
        """Processor seconds (proc(5): ticks of user, nice, system, irq, softirq and steal time)."""
        user, nice, system, _, _, irq, softirq, steal = self._ticks("stat", 1, 9)
        ours = sum(self._of(process) for process in self._ours)
        return (user + nice + system + irq + softirq + steal - ours) / os.sysconf("SC_CLK_TCK")

    def _of(self, process: int) -> int:
        children = (self._proc / f"{process}/task/{process}/children").read_text().split()
        rest = sum(self._of(int(child)) for child in children if int(child) not in self._ours)
        return sum(self._ticks(f"{process}/stat", 13, 15)) + rest

    def _ticks(self, account: str, first: int, last: int) -> list[int]:
        line, *_ = (self._proc / account).read_text().splitlines()
        return [int(field) for field in line.split()[first:last]]
