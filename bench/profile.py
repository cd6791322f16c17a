"""`python -m bench.profile`: where a decode step's time goes, and how it grows with streams and with length.

The native call is split by measurement: its time is a straight line over the length of the cache, S, whose
slope is attention and whose value at S = 0 is everything that reads weights.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from app.engine.batch.scheduler import Scheduler
from app.engine.config import EngineConfig
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import PrefixCache
from app.engine.messages import Generation, Sampling
from app.engine.sampler import Sampler
from app.engine.worker.process import open_runner
from app.model.manifest import read_manifest
from app.model.shape import model_shape
from bench.machine import describe
from bench.work import prompt

STEPS = 40
LENGTHS = (64, 128, 256, 384, 512)
STREAMS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16)


class Stopwatch:
    """Adds up the time spent in wrapped functions."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed under a name."""

        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds[name] += time.perf_counter() - began

        return timed


def breakdown(scheduler: Scheduler, watch: Stopwatch, streams: int, sampling: Sampling) -> dict[str, float]:
    """Milliseconds of one step of so many streams, by part."""
    for stream in range(streams):
        scheduler.submit(stream, Generation(tuple(prompt(100, 77 + stream)), STEPS + 30, sampling))
    while scheduler.running < streams:
        scheduler.step()
    for _ in range(5):
        scheduler.step()
    watch.seconds.clear()
    began = time.perf_counter()
    for _ in range(STEPS):
        scheduler.step()
    total = time.perf_counter() - began
    for stream in range(streams):
        scheduler.cancel(stream)
    parts = {name: 1e3 * seconds / STEPS for name, seconds in watch.seconds.items()}
    parts["python"] = 1e3 * total / STEPS - sum(parts.values())
    parts["total"] = 1e3 * total / STEPS
    return parts


def step_milliseconds(runner: Any, cache: DecodeCache, streams: int, length: int) -> float:
    """Median milliseconds of the native decode call at a cache length."""
    cache.length = length
    tokens, positions = [5] * streams, [length - 1] * streams
    runner.decode(cache, tokens, positions)
    took = []
    for _ in range(15):
        began = time.perf_counter()
        runner.decode(cache, tokens, positions)
        took.append(time.perf_counter() - began)
    return 1e3 * statistics.median(took)


def main(
    model: Annotated[Path, typer.Option(help="The model file.")] = Path(
        "models/artifacts/autocomplete.tflite"
    ),
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 2,
    output: Annotated[Path, typer.Option(help="Figures; two plots go beside them.")] = Path(
        "bench/profile.json"
    ),
) -> None:
    """Print the parts of a step and draw throughput against streams and time against position."""
    manifest = read_manifest(model)
    shape = model_shape(manifest)
    config = EngineConfig(
        model, manifest.sha256, "litert", shape, threads, max(STREAMS), 128, 0, model.parent, drafting=False
    )
    runner: Any = open_runner(config)
    watch = Stopwatch()
    runner._model.run_by_name = watch.wrap("native call", runner._model.run_by_name)
    cache = DecodeCache(shape, max(STREAMS))
    cache.append = watch.wrap("cache writes", cache.append)  # type: ignore[method-assign]
    Sampler.choose = watch.wrap("sampling", Sampler.choose)  # type: ignore[method-assign]
    scheduler = Scheduler(runner, cache, PrefixCache(shape, 2**30), prefill_chunk=128)

    kinds = {"greedy": Sampling(), "sampled": Sampling(temperature=0.8, top_k=40, top_p=0.95, seed=1)}
    parts = {
        f"{streams} {kind}": breakdown(scheduler, watch, streams, sampling)
        for streams in (1, 4, 8)
        for kind, sampling in kinds.items()
    }
    lengths = {n: [step_milliseconds(runner, cache, n, s) for s in LENGTHS] for n in (1, 4, 8)}
    lines = {n: np.polyfit(LENGTHS, times, 1).tolist() for n, times in lengths.items()}
    throughput = {n: 1e3 * n / step_milliseconds(runner, cache, n, 128) for n in STREAMS}
    result = {
        "machine": describe(),
        "parts_ms": parts,
        "lengths": LENGTHS,
        "step_ms": lengths,
        "weights_ms": {n: line[1] for n, line in lines.items()},
        "attention_ms_per_256": {n: 256 * line[0] for n, line in lines.items()},
        "tokens_per_second": throughput,
    }
    output.write_text(json.dumps(result, indent=2) + "\n")
    _print(parts, lines)
    _plot(output, lengths, throughput)


def _print(parts: dict[str, dict[str, float]], lines: dict[int, list[float]]) -> None:
    columns = ("native call", "cache writes", "sampling", "python", "total")
    table = Table("streams", *(f"{c}, ms" for c in columns), "all but native, %")
    for name, row in parts.items():
        share = 100 * (1 - row["native call"] / row["total"])
        table.add_row(name, *(f"{row.get(c, 0.0):.2f}" for c in columns), f"{share:.1f}")
    Console().print(table)
    split = Table("streams", "weights, ms", "attention over 256 places, ms")
    for streams, (slope, base) in lines.items():
        split.add_row(str(streams), f"{base:.2f}", f"{256 * slope:.2f}")
    Console().print(split)


def _plot(output: Path, lengths: dict[int, list[float]], throughput: dict[int, float]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(list(throughput), list(throughput.values()), marker="o")
    axes.set(xlabel="streams", ylabel="tokens per second, all streams", ylim=(0, None))
    figure.savefig(output.with_name("throughput.png"), dpi=110)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for streams, times in lengths.items():
        axes.plot(LENGTHS, times, marker="o", label=f"{streams} streams")
    axes.set(xlabel="places in the cache", ylabel="milliseconds a step", ylim=(0, None))
    axes.legend()
    figure.savefig(output.with_name("step_by_length.png"), dpi=110)


if __name__ == "__main__":
    typer.run(main)
