"""`python -m bench.studies.capacity`: costs of a step, replicas for a crowd, and whether that is right."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.machine import Neighbours, describe
from bench.server import Server, our_server
from bench.studies.cost import Cost, mean_cost, read_cost
from bench.studies.load import SETTINGS, Answer, report, send
from bench.studies.replica import Size
from bench.studies.simulation import Report, capacity, replicas_needed, simulate, simulate_share
from bench.studies.traffic import Request, Traffic

PREFILL_TOKENS = (8, 16, 32, 64, 96, 128)
DECODE_TOKENS = 48
DECODE_PROMPT = 64
RATES = (10, 1_000, 100_000)
LOADS = (0.3, 0.7, 1.2)
REST = 0.3
"""Seconds before each prompt of a measurement: back to back it finds the weights in the processor's cache
and is a third faster (docs/engine.md), which in a crowd it seldom does."""

QUEUE = 16
"""Of the check: short enough to be full within a run over capacity."""

commands = typer.Typer(help="Replicas for a crowd, from what one replica was measured to do.")
console = Console()

Model = Annotated[Path, typer.Option(help="The model file.")]
Threads = Annotated[int, typer.Option(help="Threads of the engine; four slots each.")]
CostFile = Annotated[Path, typer.Option(help="What was measured.")]
MODEL, COST = Path("models/artifacts/autocomplete.tflite"), Path("bench/studies/cost.json")


def start(model: Path, threads: int, **settings: str) -> Server:
    """A service whose steps are those of the simulation."""
    return our_server(model, threads, 4 * threads, {**SETTINGS, **settings})


def ask(server: Server, requests: list[Request]) -> list[Answer]:
    """Send requests and expect an answer to each."""
    answers = asyncio.run(send(server.port, requests))
    assert {answer.status for answer in answers} == {200}
    return answers


def measure_cost(server: Server, threads: int, rounds: int = 3) -> Cost:
    """Medians over some rounds, on an idle machine."""
    slots = 4 * threads
    prefill: dict[int, list[float]] = {tokens: [] for tokens in PREFILL_TOKENS}
    decode: dict[int, list[float]] = {sequences: [] for sequences in range(1, slots + 1)}
    overhead = []
    for _ in range(rounds):
        for tokens in PREFILL_TOKENS:
            time.sleep(REST)
            stranger = Request(0, time.monotonic_ns(), tokens, tokens, 1, 0)
            (answer,) = ask(server, [stranger])
            timings = answer.body["timings"]
            prefill[answer.body["usage"]["prompt_tokens"]].append(timings["prefill_ms"] / 1e3)
            overhead.append((timings["first_token_ms"] - timings["prefill_ms"]) / 1e3)
        for sequences, found in decode.items():
            crowd = [
                Request(0, 10**6, DECODE_PROMPT, DECODE_PROMPT, DECODE_TOKENS, n) for n in range(sequences)
            ]
            bodies = [answer.body for answer in ask(server, crowd)]
            # A prompt that is there already takes one short call; the steps between are those of the crowd.
            found.append(
                statistics.median(
                    body["timings"]["decode_ms"] / 1e3 / (body["usage"]["completion_tokens"] - 1)
                    for body in bodies
                )
            )
    return Cost(
        threads,
        tuple((tokens, statistics.median(found)) for tokens, found in prefill.items()),
        tuple((sequences, statistics.median(found)) for sequences, found in decode.items()),
        statistics.median(overhead),
    )


@commands.command()
def measure(model: Model = MODEL, threads: Threads = 1, output: CostFile = COST) -> None:
    """Measure what the engine's steps cost, on a service of our own."""
    server = start(model, threads)
    try:
        cost = measure_cost(server, threads)
    finally:
        server.end()
    cost.write(output, describe())
    console.print(cost)


@commands.command()
def plan(
    cost: CostFile = COST,
    first_token: Annotated[float, typer.Option(help="Seconds to the first token, 95th percentile.")] = 0.5,
    price: Annotated[float, typer.Option(help="Of one core for one hour.")] = 0.04,
    shared: Annotated[int, typer.Option(help="Tokens that prompts of one client begin with.")] = 32,
) -> None:
    """Print replicas, times, refusals and price for 10, 1,000 and 100,000 requests a second."""
    measured = read_cost(cost)
    size = Size(slots=4 * measured.threads)
    table = Table(
        "requests/s",
        "replicas",
        "p50, ms",
        "p95, ms",
        "p99, ms",
        "refused",
        "hits",
        "waiting",
        "slots",
        "price",
    )
    for rate in RATES:
        traffic = Traffic(rate, clients=4 * rate, shared=shared)
        count = replicas_needed(measured, traffic, first_token, size)
        found = simulate_share(measured, traffic, count, size, "least")
        tokens = rate * (1 - found.refused) * sum(traffic.completion) / 2
        paid = count * measured.threads * price / 3600 / tokens * 1e6
        times = (f"{1e3 * seconds:.0f}" for seconds in found.first_token)
        shares = (
            f"{found.refused:.2%}",
            f"{found.hits:.0%}",
            f"{found.waiting:.2f}",
            f"{found.slots_busy:.1f}",
        )
        table.add_row(f"{rate:,}", f"{count:,}", *times, *shares, f"{paid:.2f}")
    console.print(table)


@commands.command()
def check(
    model: Model = MODEL,
    threads: Threads = 1,
    seconds: Annotated[float, typer.Option(help="Of each run.")] = 40,
    rounds: Annotated[int, typer.Option(help="Runs at each load; medians are taken.")] = 1,
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("bench/studies/capacity.json"),
) -> None:
    """Measure and predict at 30 %, 70 % and 120 % of what one replica can do."""
    size = Size(slots=4 * threads, queue=QUEUE)
    server = start(model, threads, AUTOCOMPLETE_QUEUE_SIZE=str(QUEUE))
    rows: list[dict[str, Any]] = []
    crowd = 0
    try:
        cost = measure_cost(server, threads)
        most = capacity(cost, Traffic(1.0), size)
        for load in LOADS:
            traffic = Traffic(load * most)
            found = []
            for seed in range(1, rounds + 1):
                others = Neighbours(server.pid)
                crowd += traffic.clients  # nobody whom an earlier run has left something in the cache
                real = _real(server, traffic, seconds, seed, crowd)
                before, cost = cost, measure_cost(server, threads)
                during = mean_cost(before, cost)  # others may use the machine too
                guess = simulate(during, traffic, size=size, seconds=seconds, seed=seed)
                found.append((others.cores(), guess, real))
                console.print(
                    f"{load:.0%}, others {found[-1][0]:.2f} cores", guess.first_token, real.first_token
                )
            rows.append({"load": load, "rate": round(traffic.rate, 3), **_compared(_quiet(found))})
            console.print(rows[-1])
    finally:
        server.end()
    result = {"machine": describe(), "capacity": round(most, 3), "rows": rows}
    output.write_text(json.dumps(result, indent=2) + "\n")


def _real(server: Server, traffic: Traffic, seconds: float, seed: int, crowd: int) -> Report:
    requests = (replace(one, client=one.client + crowd) for one in traffic.requests(seconds, seed))
    return report(asyncio.run(send(server.port, requests)), seconds)


def _quiet(found: list[tuple[float, Report, Report]]) -> list[tuple[Report, Report]]:
    """The runs that nobody disturbed; where there are none, the one that was disturbed least."""
    least = min(cores for cores, _, _ in found)
    return [(guess, real) for cores, guess, real in found if cores <= max(least, Neighbours.QUIET)]


def _compared(found: list[tuple[Report, Report]]) -> dict[str, Any]:
    """Predicted, measured and the error of each percentile; medians of the runs."""
    row: dict[str, Any] = {"runs": len(found)}
    for index, name in enumerate(("p50", "p95", "p99")):
        predicted = statistics.median(one.first_token[index] for one, _ in found)
        measured = statistics.median(other.first_token[index] for _, other in found)
        row[name] = {
            "predicted_ms": round(1e3 * predicted, 1),
            "measured_ms": round(1e3 * measured, 1),
            "error": round(predicted / measured - 1, 3),
        }
    for name in ("refused", "tokens", "hits"):
        row[name] = [round(statistics.median(getattr(pair[i], name) for pair in found), 3) for i in (0, 1)]
    return row


if __name__ == "__main__":
    commands()
