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
    match kind:
        case "engine":
            from bench.ours import Ours

            return Ours(model, threads)
        case "llama":
            import llama_cpp

            from bench.llama import Llama

            return Llama(llama_cpp, model, threads)
        case "llama-wheel":
            from bench.llama import Llama
            from bench.llama_wheel import load

            return Llama(load(), model, threads)
        case "ik":
            from bench.ik import Ik

            return Ik(model, threads)
        case "onnx-runtime":
            from bench.onnx_runtime import OnnxRuntime

            return OnnxRuntime(model, threads)
        case "openvino":
            from bench.open_vino import OpenVino

            return OpenVino(model, threads)
        case "plugged":
            from bench.plugged import Plugged

            return Plugged(model, threads)
        case "litert-lm":
            from bench.litert_lm import LiteRtLm

            return LiteRtLm(model, threads)
    return open_server(kind, model, threads, *rest)


def open_server(kind: str, model: Path, threads: int, *rest: str) -> Any:
    """A server by the kind that the command line names."""
    from bench import server

    match kind:
        case "server":
            return server.our_server(model, threads)
        case "llama-server":
            return server.llama_server(Path(rest[0]), model, threads)
        case "llama-wheel-server":
            return server.llama_wheel_server(model, threads)
    raise ValueError(f"{kind} is no peer")


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
