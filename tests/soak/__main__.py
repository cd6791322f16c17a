"""`python -m tests.soak`: many requests of mixed kinds; memory, files, threads and latency must not grow."""

from __future__ import annotations

import argparse
import http.client
import os
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from tests.service_process import REAL, SCRIPTED, ServiceProcess, Usage, service_process
from tests.soak.kinds import KINDS, Client

WARM_UP = 0.15
"""Share of the requests after which growth counts."""

SLOPE_LIMIT = 1024.0
"""kB of private memory for 1,000 requests."""

RATIO_LIMIT = 1.2
"""99th percentile of the last quarter's latencies over that of the first."""


@dataclass
class Soak:
    """What was seen: latencies in seconds by order, statuses by kind, processes by request count."""

    requests: int
    latencies: list[tuple[str, float]] = field(default_factory=list)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    samples: list[tuple[int, dict[str, Usage], float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, service: ServiceProcess, clients: int, every: int) -> None:
        pids = {"HTTP": service.process.pid}
        if service.engines:
            pids["engine"] = service.engines[0]
        threads = [threading.Thread(target=self._ask, args=(service, seed)) for seed in range(clients)]
        for thread in threads:
            thread.start()
        taken = 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.05)
            if len(self.latencies) >= taken:
                usage = {name: Usage.of(pid) for name, pid in pids.items()}
                self.samples.append((len(self.latencies), usage, os.getloadavg()[0]))
                taken += every
        for thread in threads:
            thread.join()

    def _ask(self, service: ServiceProcess, seed: int) -> None:
        chance = random.Random(seed)
        client = Client(http.client.HTTPConnection(*service.address, timeout=120), chance)
        names = list(KINDS)
        weights = [kind.weight for kind in KINDS.values()]
        while len(self.latencies) < self.requests:
            name = chance.choices(names, weights)[0]
            began = time.perf_counter()
            try:
                status = KINDS[name].ask(client)
            except (OSError, http.client.HTTPException, IndexError) as error:
                self.wrong.append(f"{name}: {type(error).__name__}")
                client.connection.close()
                status = 0
            with self.lock:
                self.latencies.append((name, time.perf_counter() - began))
                self.statuses[name, status] += 1
                if status not in (*KINDS[name].statuses, 429):
                    self.wrong.append(f"{name}: {status}")
        client.connection.close()

    def slope(self, process: str) -> float:
        """Growth of private memory after warm-up, by least squares: kB for 1,000 requests."""
        points = [(n, use[process].memory) for n, use, _ in self.samples if n >= WARM_UP * self.requests]
        counts, sizes = np.array(points, float).T
        return float(np.polyfit(counts, sizes, 1)[0]) * 1000

    def p99(self, quarter: int) -> float:
        size = len(self.latencies) // 4
        return float(np.quantile([s for _, s in self.latencies[quarter * size : (quarter + 1) * size]], 0.99))


def report(soak: Soak) -> list[str]:
    """Print tables; the promises that were not kept."""
    broken = [f"answers: {wrong}" for wrong in sorted(set(soak.wrong))]
    print(
        "\n| requests | "
        + " | ".join(f"{name}: private MB, files, threads" for name in soak.samples[0][1])
        + " | load |"
    )
    print("| --- |" + " --- |" * (len(soak.samples[0][1]) + 1))
    for count, usage, load in soak.samples[:: max(1, len(soak.samples) // 10)]:
        cells = [f"{u.memory / 1024:.1f}, {u.files}, {u.threads}" for u in usage.values()]
        print(f"| {count:,} | " + " | ".join(cells) + f" | {load:.1f} |")
    warm = [use for n, use, _ in soak.samples if n >= WARM_UP * soak.requests]
    for name in warm[0]:
        slope = soak.slope(name)
        print(f"{name}: {slope:+.0f} kB of private memory for 1,000 requests (limit {SLOPE_LIMIT:.0f})")
        if slope >= SLOPE_LIMIT:
            broken.append(f"{name}: memory grows")
        threads = {use[name].threads for use in warm}
        files = [use[name].files for use in warm]
        print(f"{name}: threads {sorted(threads)}, files {min(files)} to {max(files)}")
        if len(threads) > 1:
            broken.append(f"{name}: threads {sorted(threads)}")
        if files[-1] > max(files[: len(files) // 2]):
            broken.append(f"{name}: files {files}")
    quarters = [soak.p99(quarter) * 1000 for quarter in range(4)]
    ratio = quarters[3] / quarters[0]
    print(
        "99th percentile by quarter, ms: "
        + ", ".join(f"{ms:.0f}" for ms in quarters)
        + f"; ratio {ratio:.2f}"
    )
    if ratio > RATIO_LIMIT:
        broken.append(f"p99: last quarter is {ratio:.2f} of the first")
    print("\n| kind | statuses | median ms | 99th percentile ms |\n| --- | --- | --- | --- |")
    for name in KINDS:
        taken = [seconds * 1000 for kind, seconds in soak.latencies if kind == name]
        if taken:
            found = ", ".join(f"{c:,} × {s}" for (k, s), c in sorted(soak.statuses.items()) if k == name)
            print(f"| {name} | {found} | {np.median(taken):.1f} | {np.quantile(taken, 0.99):.1f} |")
    return broken


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--scripted", action="store_true", help="over the scripted engine")
    options = parser.parse_args(arguments)
    soak = Soak(options.requests)
    with service_process(SCRIPTED if options.scripted else REAL) as service:
        began = time.monotonic()
        soak.run(service, options.clients, max(1, options.requests // 40))
        print(
            f"{len(soak.latencies):,} requests in {time.monotonic() - began:.0f} s, {options.clients} clients"
        )
    broken = report(soak)
    print("\n".join(f"BROKEN {line}" for line in broken))
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
