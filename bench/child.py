"""`python -m bench.child PEER ...`: reads a line of work, does it, prints the figure."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.work import Peer


def open_peer(arguments: list[str]) -> Peer:
    """The peer that the command line names."""
    kind, path, threads, *rest = arguments
    if kind == "ours":
        from bench.ours import Ours

        return Ours(Path(path), int(threads))
    from bench.llama import Llama, requantize

    source = Path(path)
    return Llama(requantize(source, rest[0], source.with_suffix(f".{rest[0]}.bench.gguf")), int(threads))


def main() -> None:
    """Work until the pipe is closed."""
    peer = open_peer(sys.argv[1:])
    for line in sys.stdin:
        kind, size = line.split()
        print(getattr(peer, kind)(int(size)), flush=True)


if __name__ == "__main__":
    main()
