"""`python -m bench.memory`: the most that the service holds while every slot is wanted, by slots."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.resources import resident_bytes
from bench.machine import describe
from bench.server import Server, our_server
from bench.work import text

SLOTS = (1, 4, 8, 16)
PROMPT_TOKENS = 256
COMPLETION_TOKENS = 256
MEGABYTE = 2**20


def resident(pid: int) -> tuple[int, int]:
    """Bytes of a process and its children: pages of their own, and the largest mapping that one has."""
    children = (Path(f"/proc/{pid}/task/{pid}/children")).read_text().split()
    sizes = [resident_bytes(number) for number in [pid, *map(int, children)]]
    return sum(size["private"] for size in sizes), max(size["mapped"] for size in sizes)


def fill(server: Server, slots: int) -> tuple[int, int]:
    """The most that is resident while twice as many requests as slots come, each of a whole sequence."""
    prompts = [text(PROMPT_TOKENS, seed) for seed in range(2 * slots)]

    def ask(prompt: str) -> None:
        server.complete([prompt], COMPLETION_TOKENS)

    seen = []
    with ThreadPoolExecutor(len(prompts)) as pool:
        asked = [pool.submit(ask, prompt) for prompt in prompts]
        while not all(one.done() for one in asked):
            seen.append(resident(server.pid))
            time.sleep(0.1)
    for one in asked:
        one.result()
    private, mapped = zip(*seen, strict=True)
    return max(private), max(mapped)


def measure(model: Path, slots: Sequence[int]) -> list[dict[str, float]]:
    """A row for each number of slots, in MB."""
    rows = []
    for number in slots:
        server = our_server(model, threads=2, slots=number)
        try:
            idle, _ = resident(server.pid)
            full, mapped = fill(server, number)
        finally:
            server.end()
        rows.append(
            {"slots": number, "idle": idle / MEGABYTE, "full": full / MEGABYTE, "mapped": mapped / MEGABYTE}
        )
    return rows


def main(
    model: Annotated[Path, typer.Option(help="The model file.")] = Path(
        "models/artifacts/autocomplete.tflite"
    ),
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("bench/memory.json"),
) -> None:
    """Measure and print the table."""
    rows = measure(model, SLOTS)
    output.write_text(json.dumps({"machine": describe(), "rows": rows}, indent=2) + "\n")
    table = Table("slots", "private, idle, MB", "private, at most, MB", "mapped files, MB")
    for row in rows:
        table.add_row(*(f"{row[name]:.0f}" for name in ("slots", "idle", "full", "mapped")))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
