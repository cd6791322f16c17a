"""`python -m tests.bench.http_cost`: what the HTTP side costs, beside a bare FastAPI route in the same run.

Both answer the same JSON to the same request; the service has its middleware, guard, tokenizer, window and
pipeline around an engine that answers at once. Rounds alternate; medians of the rounds are printed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile

import uvicorn
from fastapi import FastAPI
from rich.console import Console
from rich.table import Table

from app.schemas.complete import CompleteAnswer, CompleteRequest

ROOT = Path(__file__).parents[2]
ROUNDS = 7
REQUESTS = 1280
TOKENS = (1, 16)
CONNECTIONS = (1, 64)

Round = tuple[float, float]
"""Median and 99th percentile, in milliseconds."""


async def ask(port: int, body: bytes, requests: int) -> tuple[list[float], bytes]:
    """Seconds of each request on one connection, and the last answer."""
    head = (
        b"POST /complete HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    seconds, answer = [], b""
    for _ in range(requests):
        began = time.perf_counter()
        writer.write(head % len(body) + body)
        got = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", got)
        if length is None or not got.startswith(b"HTTP/1.1 200"):
            raise SystemExit(got.decode())
        answer = await reader.readexactly(int(length[1]))
        seconds.append(time.perf_counter() - began)
    writer.close()
    return seconds, answer


async def load(port: int, body: bytes, connections: int) -> Round:
    """One round over some connections."""
    runs = await asyncio.gather(*[ask(port, body, REQUESTS // connections) for _ in range(connections)])
    seconds = sorted(second for run, _ in runs for second in run)
    return median(seconds) * 1000, seconds[int(len(seconds) * 0.99)] * 1000


@contextmanager
def server(*arguments: str) -> Iterator[int]:
    """A server process; its port."""
    environment = {
        "AUTOCOMPLETE_PORT": "0",
        "AUTOCOMPLETE_QUEUE_SIZE": "128",
        "AUTOCOMPLETE_LOG_FORMAT": "json",
    }
    with NamedTemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, env=os.environ | environment, stderr=log
        )
        try:
            while not (port := re.search(rb"running on http://[\d.]+:(\d+)", Path(log.name).read_bytes())):
                time.sleep(0.05)
            yield int(port[1])
        finally:
            process.terminate()
            process.wait()


def serve_bare(answer: str) -> None:
    """The least that FastAPI can do for the same answer."""
    app = FastAPI()
    parts = json.loads(answer)

    @app.post("/complete")
    async def complete(body: CompleteRequest) -> CompleteAnswer:
        return CompleteAnswer(**parts)

    uvicorn.run(app, port=0, access_log=False)


def columns(ours: list[Round], theirs: list[Round], column: int) -> tuple[float, float]:
    """Medians of the rounds."""
    return median(row[column] for row in ours), median(row[column] for row in theirs)


def measure() -> None:
    """Print a row for each number of tokens and of connections."""
    table = Table("tokens", "connections", "", "service, ms", "bare, ms", "ratio")
    with ExitStack() as servers:
        service = servers.enter_context(server("tests.app.fake_service", "0"))
        for tokens in TOKENS:
            body = json.dumps({"prompt": "The quick brown fox", "max_tokens": tokens, "seed": 7}).encode()
            _, answer = asyncio.run(ask(service, body, 1))
            bare = servers.enter_context(server("tests.bench.http_cost", answer.decode()))
            for connections in CONNECTIONS:
                ours, theirs = [], []
                for _ in range(ROUNDS):
                    ours.append(asyncio.run(load(service, body, connections)))
                    theirs.append(asyncio.run(load(bare, body, connections)))
                for name, mine, other in (
                    ("p50", *columns(ours, theirs, 0)),
                    ("p99", *columns(ours, theirs, 1)),
                ):
                    cells = f"{mine:.2f}", f"{other:.2f}", f"{mine / other:.2f}"
                    table.add_row(str(tokens), str(connections), name, *cells)
    Console().print(table)


if __name__ == "__main__":
    serve_bare(sys.argv[1]) if len(sys.argv) > 1 else measure()
