"""`python -m tests.chaos`: break a running service and print what was seen; needs Linux and root."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable

from tests.chaos.crowds import burst, departure, ending, median_ms, refusals
from tests.chaos.endings import PROCESS_1, cut, ended_while_starting
from tests.chaos.faults import FAKETIME, PROCESSES, Fault, files_and_clock
from tests.service_process import ServiceProcess, service_process

CAPACITY, SLOTS = 40, 8
"""The default settings' slots and queue together."""


def written(seen: dict[int | str, int] | Counter[int]) -> str:
    return ", ".join(f"{count} × {status}" for status, count in sorted(seen.items(), key=str)) or "nothing"


def print_faults(faults: list[Fault], broken: list[str]) -> None:
    for fault in faults:
        try:
            row = fault.run()
        except AssertionError as error:
            broken.append(f"{fault.name}: {error}")
            continue
        back = "never" if row.back is None else f"{row.back:.1f}"
        cells = [row.done, written(row.clients), written(row.livez), written(row.readyz), back, row.remark]
        print(f"| {' | '.join(cells)} |", flush=True)


def print_crowds(ends: int, broken: list[str]) -> None:
    def row(done: str, seen: str, kept: bool) -> None:
        print(f"| {done} | {seen} |", flush=True)
        if not kept:
            broken.append(f"{done}: {seen}")

    def with_service(work: Callable[[ServiceProcess], None]) -> None:
        with service_process() as service:
            work(service)

    def crowd(service: ServiceProcess) -> None:
        burst(service, CAPACITY, tokens=16)  # a rate is known once something has been served
        found = burst(service, 10 * CAPACITY, tokens=16)
        row(
            f"{10 * CAPACITY} requests at once",
            written(found.first),
            found.first.total() == 10 * CAPACITY and found.first.keys() <= {200, 429},
        )
        row(
            f"the {found.first[429]} refused obey Retry-After",
            f"{written(found.returned)}: {found.obeyed:.1%}",
            found.obeyed >= 0.95,
        )
        median = median_ms(refusals(service, CAPACITY, SLOTS))
        row(
            "100 requests, one after the other, to a full server", f"429, median {median:.1f} ms", median < 20
        )
        left = departure(service)
        row(
            f"{left.clients} clients leave while they read or wait",
            f"slots and queue empty after {left.freed_seconds * 1000:.0f} ms (a step took"
            f" {left.step_seconds * 1000:.0f}), {left.tokens_after:.0f} tokens generated afterwards",
            left.freed_seconds <= left.step_seconds + 0.1,
        )

    with_service(crowd)
    statuses: Counter[int] = Counter()
    exits: Counter[int] = Counter()
    longest = 0.0
    for _ in range(ends):
        with service_process() as service:
            found = ending(service)
        statuses += found.statuses
        exits[found.status] += 1
        longest = max(longest, found.seconds)
    row(
        f"SIGTERM with 8 requests inside, {ends} times",
        f"{written(statuses)}; exit status {written(exits)}; at most {longest:.1f} s",
        statuses == {200: 8 * ends} and exits == {0: ends} and longest < 30,
    )


def print_endings(ends: int, broken: list[str]) -> None:
    """Signals while the process starts, and at the end of the grace period."""
    for name, wrap, settings in (
        ("a process", (), {}),
        ("process 1", PROCESS_1, {}),
        ("two workers", (), {"workers": 2}),
    ):
        found = [ended_while_starting(wrap, 0.1 + 2.4 * n / ends, **settings) for n in range(ends)]
        statuses = Counter(status for status, _ in found)
        seen = ", ".join(f"{count} × {status}" for status, count in statuses.items())
        done = f"SIGTERM to {name}, 0.1 to 2.5 s after its start, {ends} times"
        print(f"| {done} | exit status {seen}; at most {max(s for _, s in found):.1f} s |", flush=True)
        if statuses.keys() != {0}:
            broken.append(f"{done}: {seen}")
    with service_process(grace_seconds=1) as service:
        ending = cut(service)
    done = "8 requests are cut at the end of a grace period of 1 s"
    print(f"| {done} | {written(ending.statuses)}; exit status {ending.status} |", flush=True)
    if ending.statuses.keys() - {503} or ending.status != 0:
        broken.append(f"{done}: {written(ending.statuses)}, exit status {ending.status}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["processes", "files", "crowds", "endings"])
    parser.add_argument("--ends", type=int, default=20, help="how often SIGTERM is tried")
    options = parser.parse_args(arguments)
    broken: list[str] = []
    if options.only in (None, "processes", "files"):
        print("| what was done | clients saw | livez said | readyz said | back after, s | remark |")
        print("| --- | --- | --- | --- | --- | --- |")
    if options.only in (None, "processes"):
        print_faults(PROCESSES, broken)
    if options.only in (None, "files"):
        with files_and_clock() as faults:
            print_faults(faults, broken)
        if FAKETIME is None:
            broken.append("the clock was not stepped: Debian's package libfaketime is not installed")
    if options.only in (None, "crowds", "endings"):
        print("\n| what was done | what was seen |\n| --- | --- |")
    if options.only in (None, "crowds"):
        print_crowds(options.ends, broken)
    if options.only in (None, "endings"):
        print_endings(options.ends, broken)
    print(f"\nload of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print("\n".join(f"BROKEN {line}" for line in broken))
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
