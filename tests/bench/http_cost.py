"""`python -m tests.bench.http_cost`: what the HTTP side costs, beside a bare FastAPI route in the same run.

All answer the same JSON to the same request; the service has its middleware, guard, tokenizer, window and
pipeline around an engine that answers at once. A bare route that asks the same engine shows what of the ratio
is the engine's. Rounds alternate; medians of the rounds are printed. CPU is the server's time on a processor
for one request: it hardly depends on what else the machine does.
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
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile

import uvicorn
from fastapi import FastAPI
from rich.console import Console
from rich.table import Table

from app.engine.messages import Generation
from app.http.schemas.complete import CompleteAnswer, CompleteRequest
from tests.fakes import ByteTokenizer, FakeEngine

ROOT = Path(__file__).parents[2]
ROUNDS = 7
REQUESTS = 1280
TOKENS = (1, 16)
CONNECTIONS = (1, 64)

Round = tuple[float, float, float]
"""Median, 99th percentile and processor time of a request, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server process and where it listens."""

    pid: int
    port: int

    def processor_seconds(self) -> float:
        """Time on a processor since its start."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9


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


async def load(server: Server, body: bytes, connections: int) -> Round:
    """One round over some connections."""
    before = server.processor_seconds()
    runs = await asyncio.gather(
        *[ask(server.port, body, REQUESTS // connections) for _ in range(connections)]
    )
    spent = (server.processor_seconds() - before) / REQUESTS
    seconds = sorted(second for run, _ in runs for second in run)
    return median(seconds) * 1000, seconds[int(len(seconds) * 0.99)] * 1000, spent * 1000


@contextmanager
def server(*arguments: str, **settings: str) -> Iterator[Server]:
    """A server process."""
    environment = {
        "AUTOCOMPLETE_PORT": "0",
        "AUTOCOMPLETE_QUEUE_SIZE": "128",
        "AUTOCOMPLETE_LOG_FORMAT": "json",
    }
    with NamedTemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=ROOT, env=os.environ | environment | settings, stderr=log
        )
        try:
            while not (port := re.search(rb"running on http://[\d.]+:(\d+)", Path(log.name).read_bytes())):
                time.sleep(0.05)
            yield Server(process.pid, int(port[1]))
        finally:
            process.terminate()
            process.wait()


def serve_bare(answer: str, *, with_engine: bool) -> None:
    """The least that FastAPI can do for the same answer, or the least with the scripted engine."""
    app = FastAPI()
    parts: CompleteAnswer = json.loads(answer)
    engine, tokenizer = FakeEngine(), ByteTokenizer()

    @app.post("/complete")
    async def complete(body: CompleteRequest) -> CompleteAnswer:
        if with_engine:
            prompt = tuple(tokenizer.tokenize(body.prompt))
            async with engine.generate(Generation(prompt, body.max_tokens or 1)) as steps:
                tokenizer.detokenize([number async for tokens in steps for number in tokens.ids])
            engine.generations.clear()
        return parts

    uvicorn.run(app, port=0, access_log=False)


def measure() -> None:
    """Print three rows for each number of tokens and of connections."""
    names = ("service", "guard off", "bare, engine", "bare")
    table = Table("tokens", "connections", "", *names, *(f"{name}, ratio" for name in names[:3]))
    with ExitStack() as servers:
        service = servers.enter_context(server("tests.app.fake_service", "0"))
        unguarded = servers.enter_context(server("tests.app.fake_service", "0", AUTOCOMPLETE_PROFANITY="off"))
        for tokens in TOKENS:
            body = json.dumps({"prompt": "The quick brown fox", "max_tokens": tokens, "seed": 7}).encode()
            _, answer = asyncio.run(ask(service.port, body, 1))
            bare = [
                servers.enter_context(server("tests.bench.http_cost", kind, answer.decode()))
                for kind in ("engine", "bare")
            ]
            asked = (service, unguarded, *bare)
            for connections in CONNECTIONS:
                rounds = [[asyncio.run(load(one, body, connections)) for one in asked] for _ in range(ROUNDS)]
                for row, column in (("p50, ms", 0), ("p99, ms", 1), ("CPU, ms", 2)):
                    found = [median(each[number][column] for each in rounds) for number in range(len(asked))]
                    cells = [
                        f"{value:.2f}" for value in (*found, *(value / found[-1] for value in found[:3]))
                    ]
                    table.add_row(str(tokens), str(connections), row, *cells)
    Console(width=140).print(table)


if __name__ == "__main__":
    serve_bare(sys.argv[2], with_engine=sys.argv[1] == "engine") if len(sys.argv) > 1 else measure()
