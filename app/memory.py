"""What a process holds in memory, as Linux counts it."""

from __future__ import annotations

import re
from pathlib import Path


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
