"""`python -m bench.typing`: a simulated writer in front of a service, with the project's own texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from bench.machine import describe, versions
from bench.server import our_server
from bench.typing.client import connect
from bench.typing.confidence import reliability, threshold
from bench.typing.measurement import Measurement, Plan, measure
from bench.typing.picture import draw
from bench.typing.report import THRESHOLDS, as_json, rows, table
from bench.typing.texts import Text, project_texts, read_phrases, read_texts, spread

MODEL = Path("models/artifacts/autocomplete.tflite")
RESULTS = Path("bench/typing/results.json")
TYPED = 6
"""One text of so many is typed whole."""

PRINTED = 20
"""Refusals in full; all of them are in the file."""

console = Console(width=140)


@contextmanager
def service(url: str | None, model: Path, threads: int) -> Iterator[str]:
    """The address of a running service; one of our own, with its guard, where none is given."""
    if url:
        yield url
        return
    server = our_server(model, threads)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.end()


def main(
    url: Annotated[str | None, typer.Option(help="Of a running service; default: start one.")] = None,
    key: Annotated[str | None, typer.Option(help="API key of that service.")] = None,
    model: Annotated[Path, typer.Option(help="Model file of a service that is started.")] = MODEL,
    threads: Annotated[int, typer.Option(help="Threads of its engine.")] = 2,
    file: Annotated[Path | None, typer.Option(help="Other texts than the project's.")] = None,
    texts: Annotated[int, typer.Option(help="How many texts, of every kind its share; 0: all.")] = 0,
    typed: Annotated[int, typer.Option(help="How many of them are typed whole; 0: a sixth.")] = 0,
    carets: Annotated[int, typer.Option(help="Carets of each place in a text.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the carets.")] = 7,
    min_confidence: Annotated[
        list[float],
        typer.Option(help="Given to the service while the texts are typed again; may be repeated."),
    ] = [0.4],  # noqa: B006
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = RESULTS,
    picture: Annotated[Path | None, typer.Option(help="Where the curves go, an SVG.")] = None,
) -> None:
    """Measure, print the table and write the figures; an interrupted run leaves those of its whole parts."""
    known = read_texts(file) if file else project_texts()
    asked = tuple(spread(known, texts or len(known)))
    plan = Plan(asked, typed or -(-len(asked) // TYPED), carets, seed, tuple(min_confidence), read_phrases())
    found = Measurement()
    with service(url, model, threads) as address:
        client = connect(address, key)
        about = {
            "machine": describe(),
            "versions": versions(),
            "model": client.identity(),
            "texts": len(asked),
            "typed": plan.typed,
            "carets": carets,
            "seed": seed,
        }
        for found in measure(client, plan, _track):
            write(output, about | as_json(found))
    console.print(table(rows(found)))
    for error, count in found.errors.items():
        console.print(f"{count} requests were answered {error}")
    for one in found.refusals[:PRINTED]:
        console.print(f"{one.error} after …{one.prompt[-40:]!r}", markup=False)
    if picture:
        english = [position for position in found.positions if position.text.english]
        curve = [threshold(english, value) for value in THRESHOLDS]
        draw(curve, reliability(english), plan.min_confidence, picture)


def write(path: Path, figures: dict[str, Any]) -> None:
    """Write figures in one piece."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def _track(texts: Sequence[Text], name: str) -> Iterable[Text]:
    return track(texts, name, console=console)


if __name__ == "__main__":
    typer.run(main)
