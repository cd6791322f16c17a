"""`python -m bench.child PEER ...`: reads a line of work, does it, prints the figure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


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
    from bench.server import llama_server

    return llama_server(Path(rest[0]), model, threads)


def main() -> None:
    """Work until the pipe is closed."""
    kind, model, threads, *rest = sys.argv[1:]
    peer = open_peer(kind, Path(model), int(threads), *rest)
    try:
        for line in sys.stdin:
            method, size = line.split()
            print(getattr(peer, method)(int(size)), flush=True)
    finally:
        if hasattr(peer, "end"):
            peer.end()


if __name__ == "__main__":
    main()
