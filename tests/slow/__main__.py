"""`python -m tests.slow --minutes 10`: search for slow texts in every part, then ask a service for them.

Prints the worst text of each part with its processor time for a character, and how long `/livez` took while
the service was asked for all of them; fails where a bound is broken.
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.app.guard.bench_guard import PROSE
from tests.slow.parts import parts
from tests.slow.probes import Asked, asked
from tests.slow.search import grown, microseconds, slowest

SIZE = 2048
LIVEZ_MOST = 50.0
"""ms."""


def main(arguments: list[str]) -> int:
    """Search, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="parts whose name has this in it")
    parser.add_argument("--no-service", action="store_true", help="search only")
    options = parser.parse_args(arguments)
    chosen = [part for part in parts() if (options.only or "") in part.name]
    seconds = options.minutes * 60 / max(1, len(chosen))
    broken, worst = [], []
    print("| part | texts | prose, µs a character | worst | its pattern |")
    print("| --- | --- | --- | --- | --- |")
    for part in chosen:
        prose = microseconds(part.work, grown(PROSE, SIZE), 20)
        found, tried = slowest(part.work, part.units, seconds, SIZE, options.seed)
        print(
            f"| {part.name} | {tried:,} | {prose:.2f} | {found[0].cost:.1f} | `{found[0].pattern!r}` |",
            flush=True,
        )
        worst.append(found[0].pattern)
        if found[0].cost > part.most:
            broken.append(f"{part.name}: {found[0].cost:.1f} µs a character")
    if not options.no_service:
        seen = asked(worst)
        print_asked(seen)
        if max(seen.livez) > LIVEZ_MOST:
            broken.append(f"/livez took {max(seen.livez):.0f} ms")
    print(f"\nload of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print("\n".join(f"BROKEN {line}" for line in broken))
    return bool(broken)


def print_asked(seen: Asked) -> None:
    """What a service did with the texts."""
    times = sorted(seen.livez)
    print(
        f"\n{sum(seen.statuses.values())} requests of 8,192 characters each:"
        f" {', '.join(f'{count} × {status}' for status, count in sorted(seen.statuses.items()))};"
        f" /livez {len(times)} times, median {times[len(times) // 2]:.1f} ms, at most {times[-1]:.1f} ms"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
