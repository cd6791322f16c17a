"""`python -m bench`: our engine and its peers on the same weights, alternating, in one run."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.llama import requantize
from bench.machine import Probe, describe, versions
from bench.work import WORKS, Kind, Work

RESULTS = Path("bench/results.json")
MODEL = Path("models/artifacts/autocomplete.tflite")
LLAMA_SERVER = Path(".venv/bin/llama-server")
OURS = "ours"
ALONE = "ours without HTTP"
MUST = "llama.cpp Q8_0"
LITERT_LM = "LiteRT-LM"
LLAMA = {"llama.cpp Q8_0": "Q8_0", "llama.cpp Q4_0": "Q4_0"}

ENGINE: tuple[Kind, ...] = ("prefill", "decode", "editor", "load", "resident", "private")
SERVER: tuple[Kind, ...] = ("closed", "streamed", "first")

console = Console()


class Child:
    """A peer in a process of its own, idle while another one works.

    Attributes:
        does: For each kind of work that it does, the name of its figure.
    """

    def __init__(self, does: dict[Kind, str], *arguments: str) -> None:
        command = [sys.executable, "-m", "bench.child", *arguments]
        self.does = does
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, work: Work) -> float:
        """The figure of one run."""
        self._pipe(self._process.stdin).write(f"{work.kind} {work.size}\n")
        self._pipe(self._process.stdin).flush()
        answer = self._pipe(self._process.stdout).readline()
        if not answer:
            raise RuntimeError(f"{self.does[work.kind]} ended while it did {work.name}")
        return float(answer)

    def end(self) -> None:
        """Close the pipe, which ends it."""
        self._pipe(self._process.stdin).close()
        self._process.wait(60)

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def foreign(folder: Path, threads: int) -> list[Child]:
    """LiteRT-LM, and our engine on the same file, where the file and the package are there."""
    path = next(iter(sorted(folder.glob("*.litertlm"))), None)
    if path is None:
        console.print(f"LiteRT-LM is left out: no .litertlm in {folder}; make foreign-model")
        return []
    children = [Child(dict.fromkeys(ENGINE, "ours, .litertlm"), "plugged", str(path), str(threads))]
    if find_spec("litert_lm") is None:
        console.print("LiteRT-LM is left out: litert-lm-api is not installed")
        return children
    return [*children, Child(dict.fromkeys(ENGINE, LITERT_LM), "litert-lm", str(path), str(threads))]


Figures = dict[tuple[str, str], list[float]]
"""Of each work and peer."""


def measure(children: list[Child], rounds: int, pause: float) -> Iterator[Figures]:
    """After each round the figures so far, of the rounds that nobody disturbed."""
    probe, figures = Probe(), defaultdict[tuple[str, str], list[float]](list)
    for child in children:  # everything is loaded and warm before anything counts
        for work in {work.kind: work for work in WORKS if work.kind in child.does}.values():
            child.run(work)
    for number in range(rounds):
        console.print(f"round {number + 1} of {rounds}", style="dim")
        for work in WORKS:
            able = [child for child in children if work.kind in child.does]
            order = able[number % len(able) :] + able[: number % len(able)]
            row, quiet = {}, True
            for child in order:
                time.sleep(pause)  # a thread pool that still spins would disturb the next one
                quiet &= not probe.disturbed()
                row[child.does[work.kind]] = child.run(work)
            if quiet or number >= rounds - 2:
                for name, figure in row.items():
                    figures[work.name, name].append(figure)
        yield figures


def summarize(figures: Figures) -> list[dict[str, Any]]:
    """Medians and ratios; above 1 ours is better, whatever the unit."""
    rows = []
    for work in (work for work in WORKS if (work.name, OURS) in figures):
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


def default_source(model: Path) -> Path:
    """The GGUF that the default model was built from."""
    found = (model.parent / "downloads").glob("*.gguf")
    return next(path for path in found if ".bench" not in path.suffixes)


def table(rows: list[dict[str, Any]]) -> Table:
    """The rows for a terminal."""
    names = list(dict.fromkeys(name for row in rows for name in row["peers"]))
    found = Table("work", "unit", "ours", *names, *(f"ours : {n}" for n in names), "rounds")
    for row in rows:
        peers = [f"{row['peers'][n]:.1f}" if n in row["peers"] else "" for n in names]
        ratios = [f"{row['ratios'][n]:.2f}" if n in row["ratios"] else "" for n in names]
        found.add_row(row["work"], row["unit"], f"{row['ours']:.1f}", *peers, *ratios, str(row["rounds"]))
    return found


def main(
    model: Annotated[Path, typer.Option(help="Our model file.")] = MODEL,
    source: Annotated[
        Path | None, typer.Option(help="GGUF that it was built from; default: beside it.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of each peer.")] = 2,
    rounds: Annotated[int, typer.Option(help="Rounds; medians are taken.")] = 11,
    peers: Annotated[list[str], typer.Option("--peer", help="Only this peer; may be repeated.")] = [],  # noqa: B006
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS,
) -> None:
    """Measure everything and print the table; an interrupted run leaves the figures of its whole rounds."""
    gguf = source or default_source(model)
    served = dict.fromkeys(SERVER, OURS)
    children = [
        Child(dict.fromkeys(ENGINE, OURS) | dict.fromkeys(SERVER, ALONE), "engine", str(model), str(threads)),
        Child(served, "server", str(model), str(threads)),
    ]
    for name, kind in LLAMA.items():
        if peers and name not in peers:
            continue
        weights = str(requantize(gguf, kind, gguf.with_suffix(f".{kind}.bench.gguf")))
        children += [
            Child(dict.fromkeys(ENGINE, name), "llama", weights, str(threads)),
            Child(dict.fromkeys(SERVER, name), "llama-server", weights, str(threads), str(LLAMA_SERVER)),
        ]
    if not peers or LITERT_LM in peers:
        children += foreign(model.parent / "foreign", threads)
    rows: list[dict[str, Any]] = []
    try:
        for figures in measure(children, rounds, pause=0.1):
            rows = summarize(figures)
            result = {"machine": describe(), "versions": versions(), "threads": threads, "rows": rows}
            output.write_text(json.dumps(result, indent=2) + "\n")
    finally:
        for child in children:
            child.end()
    console.print(table(rows))


if __name__ == "__main__":
    typer.run(main)
