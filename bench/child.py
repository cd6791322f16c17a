"""`python -m bench.child PEER ...`: reads a line of work, does it, prints the figure."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

PROMPTS = 5
"""Prompts whose median is a prefill: a first one alone finds what the others have left in the processor."""


def open_peer(kind: str, model: Path, threads: int, *rest: str) -> Any:
    """The peer that the command line names; its methods are those of `bench.work.WORKS`."""
    if kind == "engine":
        from bench.ours import Ours

        return Ours(model, threads)
    if kind == "server":
        from bench.server import our_server

        return our_server(model, threads)
    if kind == "llama":
        from bench.llama import Llama

        return Llama(model, threads)
    if kind == "plugged":
        from bench.plugged import Plugged

        return Plugged(model, threads)
    if kind == "litert-lm":
        from bench.litert_lm import LiteRtLm

        return LiteRtLm(model, threads)
    from bench.server import llama_server

    return llama_server(Path(rest[0]), model, threads)


class Process:
    """What the process around an engine knows of it."""

    def __init__(self, load_seconds: float) -> None:
        self._load_seconds = load_seconds

    def load(self, size: int) -> float:
        """See bench.work.WORKS."""
        return 1e3 * self._load_seconds

    def resident(self, size: int) -> float:
        """See bench.work.WORKS."""
        return _megabytes("VmRSS")

    def private(self, size: int) -> float:
        """See bench.work.WORKS."""
        return _megabytes("RssAnon")


def _megabytes(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


def main() -> None:
    """Work until the pipe is closed; the peer is opened for the first work, when no other one is busy."""
    kind, model, threads, *rest = sys.argv[1:]
    peer = process = None
    try:
        for line in sys.stdin:
            if peer is None:
                began = time.perf_counter()
                peer = open_peer(kind, Path(model), int(threads), *rest)
                if hasattr(peer, "prefill"):
                    peer.prefill(8)
                process = Process(time.perf_counter() - began)
            method, size = line.split()
            work = getattr(process if hasattr(process, method) else peer, method)
            times = PROMPTS if method == "prefill" else 1
            print(statistics.median(work(int(size)) for _ in range(times)), flush=True)
    finally:
        if peer is not None and hasattr(peer, "end"):
            peer.end()


if __name__ == "__main__":
    main()
