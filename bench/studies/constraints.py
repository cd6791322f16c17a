"""`python -m bench.studies.constraints`: what constrained texts cost beside free ones.

Rounds alternate between streams that are free and streams that must match random JSON schemas. The masks'
share of a step is the engine's own count of the seconds that it looks at grammars; how long a schema compiles
is taken in the engine's own vocabulary, from its text to the first mask. Run it on a quiet machine.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from app.engine.batch.grammar import Grammars
from app.engine.batch.scheduler import Scheduler
from app.engine.counters import Counters
from app.engine.messages import Generation, Sampling
from app.engine.worker.offline import offline_config
from app.engine.worker.process import open_scheduler
from app.model.manifest import read_manifest
from app.model.pieces import control_ids, read_vocabulary_of
from app.model.vocabulary import Vocabulary
from bench.machine import describe
from bench.studies.random_schemas import RandomSchemas
from bench.work import prompt

LARGEST = 4096
"""Characters of a schema."""

STEPS = 60


def main(
    model: Annotated[Path, typer.Option(help="The model file")] = Path(
        "models/artifacts/autocomplete.tflite"
    ),
    streams: Annotated[int, typer.Option(help="Sequences at the same time")] = 8,
    rounds: Annotated[int, typer.Option(help="Of free and constrained streams, in turns")] = 6,
    schemas: Annotated[int, typer.Option(help="Schemas that are compiled")] = 500,
    threads: Annotated[int, typer.Option(help="Of the runtime")] = 2,
    output: Annotated[Path, typer.Option(help="Where the figures go")] = Path(
        "bench/studies/constraints.json"
    ),
) -> None:
    """Measure, print and write down."""
    manifest = read_manifest(model)
    vocabulary = read_vocabulary_of(model, manifest.vocabulary_size, control_ids(manifest))
    found: dict[str, Any] = {"machine": describe(), "streams": streams}
    found["compile_ms"] = compile_milliseconds(vocabulary, schemas)
    config = offline_config(model, manifest, runtime="litert", threads=threads, slots=streams)
    found |= step_milliseconds(open_scheduler(config), streams, rounds)
    output.write_text(json.dumps(found, indent=2) + "\n")
    Console().print_json(data=found)


def compile_milliseconds(vocabulary: Vocabulary, count: int) -> dict[str, float]:
    """From the text of a new schema to its first mask, once the vocabulary is read."""
    grammars, taken = Grammars(vocabulary, Counters()), []
    began = time.perf_counter()
    grammars.open(json.dumps({"json_schema": {"type": "null"}}), b"").result()
    first = time.perf_counter() - began
    for text in schema_texts(count):
        began = time.perf_counter()
        grammars.open(text, b"").result()
        taken.append(1e3 * (time.perf_counter() - began))
    return {
        "schemas": count,
        "vocabulary": 1e3 * first,
        "p50": statistics.median(taken),
        "p95": float(np.percentile(taken, 95)),
        "most": max(taken),
    }


def schema_texts(count: int) -> list[str]:
    """Random schemas of up to `LARGEST` characters, each an object of several others."""
    drawn, texts = RandomSchemas(seed=1), list[str]()
    while len(texts) < count:
        parts = {f"part{number}": drawn.schema() for number in range(1 + len(texts) % 12)}
        kept = {name: part for name, part in parts.items() if "$ref" not in part}
        text = json.dumps({"json_schema": {"type": "object", "properties": kept, "required": list(kept)}})
        if len(text) <= LARGEST:
            texts.append(text)
    return texts


def step_milliseconds(scheduler: Any, streams: int, rounds: int) -> dict[str, Any]:
    """Of a step of free and of constrained streams, and what the masks take of it."""
    assert isinstance(scheduler, Scheduler)
    steps: dict[str, list[float]] = {"free": [], "constrained": []}
    shares: list[float] = []
    for number in range(rounds):
        for name, taken in steps.items():
            texts = schema_texts(64)[number * streams :] if name == "constrained" else [""] * streams
            step, mask = one_round(scheduler, texts[:streams], seed=number)
            taken.append(step)
            if name == "constrained":
                shares.append(mask / step)
    medians = {f"{name}_step_ms": statistics.median(taken) for name, taken in steps.items()}
    return medians | {"mask_share_of_step": statistics.median(shares), "shares": shares}


def one_round(scheduler: Scheduler, grammars: list[str], seed: int) -> tuple[float, float]:
    """Milliseconds of a step and of its masks; a stream that ends is followed by one like it."""
    sampling, streams = Sampling(temperature=0.8, seed=seed), len(grammars)
    taken, masks, submitted = 0.0, 0.0, 0
    for _ in range(STEPS):
        while scheduler.running < streams:
            stats = scheduler.stats
            for _ in range(streams - stats.slots_busy - stats.waiting):
                grammar = grammars[submitted % streams]
                asked = Generation(tuple(prompt(100, submitted)), 300, sampling, grammar=grammar)
                scheduler.submit(submitted, asked)
                submitted += 1
            scheduler.step()
        before, began = scheduler.stats, time.perf_counter()
        scheduler.step()
        taken += time.perf_counter() - began
        masks += scheduler.stats.mask_seconds - before.mask_seconds
    for number in range(submitted):
        scheduler.cancel(number)
    return 1e3 * taken / STEPS, 1e3 * masks / STEPS


if __name__ == "__main__":
    typer.run(main)
