"""`python -m bench`: our engine and its peers on the same weights, alternating, in one run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.machine import Probe, describe, versions
from bench.work import WORKS, Work

RESULTS = Path("bench/results.json")
MODEL = Path("models/artifacts/autocomplete.tflite")
OURS = "ours"
MUST = "llama.cpp Q8_0"
PEERS = {"llama.cpp Q8_0": "Q8_0", "llama.cpp Q4_0": "Q4_0"}

console = Console()


class Child:
    """A peer in a process of its own, idle while another one works."""

    def __init__(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "bench.child", *arguments]
        self.name = name
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, work: Work) -> float:
        """The figure of one run."""
        self._pipe(self._process.stdin).write(f"{work.kind} {work.size}\n")
        self._pipe(self._process.stdin).flush()
        answer = self._pipe(self._process.stdout).readline()
        if not answer:
            raise RuntimeError(f"{self.name} ended while it did {work.name}")
        return float(answer)

    def end(self) -> None:
        """Close the pipe, which ends it."""
        self._pipe(self._process.stdin).close()
        self._process.wait(10)

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def measure(children: list[Child], rounds: int, pause: float) -> dict[tuple[str, str], list[float]]:
    """Figures by work and peer, of the rounds that nobody disturbed."""
    probe, figures = Probe(), defaultdict(list)
    for child in children:  # everything is loaded and warm before anything counts
        for work in WORKS:
            child.run(work)
    for number in range(rounds):
        console.print(f"round {number + 1} of {rounds}", style="dim")
        for work in WORKS:
            order = children[number % len(children) :] + children[: number % len(children)]
            row, quiet = {}, True
            for child in order:
                time.sleep(pause)  # a thread pool that still spins would disturb the next one
                quiet &= not probe.disturbed()
                row[child.name] = child.run(work)
            if quiet or number >= rounds - 2:
                for name, figure in row.items():
                    figures[work.name, name].append(figure)
    return figures


def summarize(figures: dict[tuple[str, str], list[float]]) -> list[dict[str, Any]]:
    """Medians and ratios; above 1 ours is better, whatever the unit."""
    rows = []
    for work in WORKS:
        medians = {name: statistics.median(f) for (row, name), f in figures.items() if row == work.name}
        ours, peers = medians.pop(OURS), medians
        ratio = {n: ours / p if work.unit == "tok/s" else p / ours for n, p in peers.items()}
        rounds = len(figures[work.name, OURS])
        rows.append(
            {
                "work": work.name,
                "unit": work.unit,
                "ours": round(ours, 2),
                "peers": {n: round(p, 2) for n, p in peers.items()},
                "ratio": round(ratio[MUST], 3) if MUST in ratio else None,
                "ratios": {n: round(r, 3) for n, r in ratio.items()},
                "rounds": rounds,
            }
        )
    return rows


def table(rows: list[dict[str, Any]]) -> Table:
    """The rows for a terminal."""
    names = list(rows[0]["peers"])
    found = Table("work", "unit", "ours", *names, *(f"ours : {n}" for n in names), "rounds")
    for row in rows:
        peers = [f"{row['peers'][n]:.1f}" for n in names]
        ratios = [f"{row['ratios'][n]:.2f}" for n in names]
        found.add_row(row["work"], row["unit"], f"{row['ours']:.1f}", *peers, *ratios, str(row["rounds"]))
    return found


def main(
    model: Annotated[Path, typer.Option(help="Our model file.")] = MODEL,
    source: Annotated[
        Path | None, typer.Option(help="GGUF that it was built from; default: beside it.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of each peer.")] = 2,
    rounds: Annotated[int, typer.Option(help="Rounds; medians are taken.")] = 11,
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS,
) -> None:
    """Measure everything and print the table."""
    gguf = source or next((model.parent / "downloads").glob("*.gguf"))
    children = [Child(OURS, "ours", str(model), str(threads))]
    children += [Child(n, "llama", str(gguf), str(threads), kind) for n, kind in PEERS.items()]
    try:
        figures = measure(children, rounds, pause=0.1)
    finally:
        for child in children:
            child.end()
    rows = summarize(figures)
    result = {"machine": describe(), "versions": versions(), "threads": threads, "rows": rows}
    output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(table(rows))


if __name__ == "__main__":
    typer.run(main)
