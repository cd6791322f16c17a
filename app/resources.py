"""What the machine gives: processor cores that this process may use, memory that a process holds."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Cores of the process's affinity, or fewer where its control group is given less time than they have.

    A container's `cpus` limit is such a quota: it hides no core, and more threads than it pays for are
    stopped in the middle of a step (Linux, Documentation/admin-guide/cgroup-v2, `cpu.max`).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota(cgroup: Path) -> float | None:
    """Cores' worth of time that the control group has, of version 2 or 1; None without a limit."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return None if limit in ("max", "-1") else int(limit) / int(period)


def resident_bytes(pid: int) -> dict[str, int]:
    """Pages of its own, and pages mapped from files; nothing once the process has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    found = re.findall(r"^Rss(\w+):\s+(\d+) kB", status, re.MULTILINE)
    kinds = {kind: 1024 * int(size) for kind, size in found}
    if not kinds:  # a process that has ended and is not yet buried
        return {}
    return {"private": kinds["Anon"], "mapped": kinds["File"] + kinds["Shmem"]}
