"""`python -m bench`: our engine and its peers on the same weights, alternating, in one run."""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.model.tokenizer import open_text_model
from bench.environments import IK, LLAMA, OPENVINO, ORT
from bench.machine import Probe, describe, versions
from bench.peers import MUST, NAME, Cell, Child, chosen, ours
from bench.work import TEXT, WORKS, Kind, Work, write_passage

RESULTS = Path("bench/results.json")
MODEL = Path("models/artifacts/autocomplete.tflite")
TRIES = 3
"""Of a cell that somebody disturbs."""

TIMELESS: tuple[Kind, ...] = ("perplexity", "resident", "private")
"""A busy neighbour does not change them."""

console = Console()

Cells = dict[tuple[str, str], list[Cell]]
"""Of each work and peer."""


def measure(children: Sequence[Child], rounds: int, pause: float) -> Iterator[Cells]:
    """After each round the cells so far; one that was disturbed is done again, a few times."""
    probe, cells = Probe(), defaultdict[tuple[str, str], list[Cell]](list)
    for child in children:  # everything is loaded and warm before anything counts
        for work in {work.kind: work for work in WORKS if work.kind in child.does}.values():
            if work.kind != "perplexity":
                child.run(work)
    for number in range(rounds):
        console.print(f"round {number + 1} of {rounds}", style="dim")
        for work in WORKS:
            if work.kind == "perplexity" and number:
                continue
            able = [child for child in children if work.kind in child.does]
            for child in able[number % len(able) :] + able[: number % len(able)]:
                for _ in range(TRIES):
                    time.sleep(pause)  # a thread pool that still spins would disturb the next one
                    cell = child.cell(work, probe)
                    cells[work.name, child.does[work.kind]].append(cell)
                    if cell.quiet or work.kind in TIMELESS:
                        break
        yield cells


def kept(work: Work, cells: Sequence[Cell]) -> list[float]:
    """Figures that nobody disturbed."""
    return [cell.figure for cell in cells if cell.quiet or work.kind in TIMELESS]


def summarize(cells: Cells) -> list[dict[str, Any]]:
    """Medians and ratios; above 1 ours is better, whatever the unit."""
    rows = []
    for work in WORKS:
        some = {name: found for (row, name), found in cells.items() if row == work.name}
        figures = {name: kept(work, found) for name, found in some.items()}
        peers = {name: statistics.median(found) for name, found in figures.items() if found}
        if NAME not in peers:
            continue
        mine = peers.pop(NAME)
        ratio = {n: mine / p if work.unit == "tok/s" else p / mine for n, p in peers.items()}
        rows.append(
            {
                "work": work.name,
                "unit": work.unit,
                "ours": round(mine, 2),
                "peers": {n: round(p, 2) for n, p in peers.items()},
                "ratio": round(ratio[MUST], 3) if MUST in ratio else None,
                "ratios": {n: round(r, 3) for n, r in ratio.items()},
                "rounds": len(figures[NAME]),
                "cells": {name: [record(cell) for cell in found] for name, found in some.items()},
            }
        )
    return rows


def record(cell: Cell) -> dict[str, Any]:
    """For the file of results."""
    usage = {name: round(value, 3) for name, value in asdict(cell.usage).items()}
    return {"figure": round(cell.figure, 2), **usage, "kept": cell.quiet}


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows for a terminal, with everybody's perplexity beside the name."""
    scored = next((row for row in rows if row["work"] == "perplexity"), None)
    losses = {NAME: scored["ours"], **scored["peers"]} if scored else {}
    names = list(dict.fromkeys(name for row in rows for name in row["peers"]))
    heads = [f"{name}\n{losses[name]:.2f}" if name in losses else name for name in (NAME, *names)]
    found = Table("work", "unit", *heads, *(f"ours : {n}" for n in names), "rounds")
    for row in rows:
        peers = [f"{row['peers'][n]:.1f}" if n in row["peers"] else "" for n in names]
        ratios = [f"{row['ratios'][n]:.2f}" if n in row["ratios"] else "" for n in names]
        found.add_row(row["work"], row["unit"], f"{row['ours']:.1f}", *peers, *ratios, str(row["rounds"]))
    return found


def main(
    model: Annotated[Path, typer.Option(help="Our model file.")] = MODEL,
    threads: Annotated[int, typer.Option(help="Threads of each peer.")] = 2,
    rounds: Annotated[int, typer.Option(help="Rounds; medians are taken.")] = 11,
    peers: Annotated[list[str], typer.Option("--peer", help="Only this peer; may be repeated.")] = [],  # noqa: B006
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS,
) -> None:
    """Measure everything and print the table; an interrupted run leaves the figures of its whole rounds."""
    write_passage(
        open_text_model(model, model.parent / "text_ops", "litert").tokenize(TEXT.read_text()[:8000])
    )
    children = ours(model, threads)
    for peer, missing in chosen(model, peers):
        if missing:
            console.print(f"{peer.name} is left out: {missing}")
        else:
            children += peer.children(model, threads)
    packages = {name: v for env in (LLAMA, IK, ORT, OPENVINO) for name, v in env.versions().items()}
    rows: list[dict[str, Any]] = []
    try:
        for cells in measure(children, rounds, pause=0.1):
            rows = summarize(cells)
            about = {"machine": describe(), "versions": versions() | packages, "threads": threads}
            output.write_text(json.dumps(about | {"rows": rows}, indent=2) + "\n")
    finally:
        for child in children:
            child.end()
    console.print(table(rows))


if __name__ == "__main__":
    typer.run(main)
