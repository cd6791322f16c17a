"""`python -m bench.session`: a text typed letter by letter to our service and its peers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.environments import IK, LLAMA
from bench.machine import describe, versions
from bench.server import Server
from bench.session.services import OURS, WAYS, start
from bench.session.stretch import Stretch, connected, type_stretch
from bench.session.summary import GOALS, Figures, best_peer, summarize
from bench.typing.texts import project_texts

RESULTS = Path("bench/session/results.json")
console = Console(width=140)


def prose(characters: int) -> str:
    """English of the typing measurement."""
    return " ".join(text.body for text in project_texts() if text.kind == "email" and text.english)[
        :characters
    ]


def turns(
    text: str, size: int, servers: Mapping[str, Server], pause: float, *, lenient: bool
) -> Iterator[dict[str, list[Stretch]]]:
    """The undisturbed stretches of every way so far, after each turn; the ways begin in turns, too.

    A stretch that was disturbed is dropped: typed once more it would be in the caches.
    """
    found: dict[str, list[Stretch]] = {name: [] for name, way in WAYS.items() if way.server in servers}
    for name in found:
        with connected(servers[WAYS[name].server].port, WAYS[name]) as ask:
            ask("A text to get warm with, of some words")
    names = list(found)
    for number, begin in enumerate(range(0, len(text), size)):
        keys = range(begin + 1, min(begin + size, len(text)) + 1)
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            server = servers[WAYS[name].server]
            with connected(server.port, WAYS[name]) as ask:
                typed = type_stretch(text, keys, ask, server.pid, pause)
            if typed.usage.quiet or lenient:
                found[name].append(typed)
            else:
                console.print(f"{name}, keys {keys[0]} to {keys[-1]}: disturbed, dropped ({typed.usage})")
        yield found


def table(figures: Mapping[str, Figures]) -> Table:
    """A row for every way, with the ratios to ours."""
    shown = Table(
        "way", "keys", "median, ms", "p95, ms", "processor, ms a key", "ours : it, median", "p95", "processor"
    )
    for name, one in figures.items():
        ratios = figures[OURS].over(one) if OURS in figures and name != OURS else ()
        values = [one.median, one.p95, one.processor]
        shown.add_row(name, str(one.keys), *(f"{v:.1f}" for v in values), *(f"{r:.3f}" for r in ratios))
    return shown


def report(figures: Mapping[str, Figures]) -> dict[str, Any]:
    """For the file of results."""
    return {name: one.record for name, one in figures.items()}


def main(
    model: Annotated[Path, typer.Option(help="Our model file.")] = Path(
        "models/artifacts/autocomplete.tflite"
    ),
    threads: Annotated[int, typer.Option(help="Of each server.")] = 2,
    characters: Annotated[int, typer.Option(help="Of the text.")] = 1000,
    stretch: Annotated[
        int, typer.Option(help="Keys that one server gets before the next has its turn.")
    ] = 50,
    pause: Annotated[float, typer.Option(help="Seconds behind each key.")] = 0.0,
    settings: Annotated[list[str], typer.Option("--set", help="NAME=VALUE for our service.")] = [],  # noqa: B006
    lenient: Annotated[bool, typer.Option(help="Let disturbed stretches count, too.")] = False,
    servers: Annotated[list[str], typer.Option("--server", help="Only these.")] = [],  # noqa: B006
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS,
) -> None:
    """Measure on a quiet machine; an interrupted run leaves the figures of its whole turns."""
    wanted = list(dict.fromkeys(way.server for way in WAYS.values() if not servers or way.server in servers))
    given = dict(pair.split("=", 1) for pair in settings)
    with ExitStack() as open_servers:
        running: dict[str, Server] = {}
        for name in wanted:
            server = start(name, model, threads, given)
            if server is None:
                console.print(f"{name} is left out: make {IK.folder}/.ready {LLAMA.folder}/.ready")
                continue
            open_servers.callback(server.end)
            running[name] = server
        for found in turns(prose(characters), stretch, running, pause, lenient=lenient):
            figures = summarize(found)
            about = {"machine": describe(), "versions": versions(), "threads": threads, "pause": pause}
            output.write_text(json.dumps(about | {"ways": report(figures)}, indent=2) + "\n")
    console.print(table(figures))
    _judge(figures)


def _judge(figures: Mapping[str, Figures]) -> None:
    best = best_peer(figures)
    if best is None or OURS not in figures:
        return
    ratios = figures[OURS].over(figures[best])
    said: Sequence[str] = [
        f"{name} {ratio:.3f} (at most {goal:.3f})"
        for (name, goal), ratio in zip(GOALS.items(), ratios, strict=True)
    ]
    console.print(f"ours : {best}, the best peer: {', '.join(said)}")


if __name__ == "__main__":
    typer.run(main)
