"""`python -m bench.studies.doors`: one crowd before several arrangements of two threads, in turns.

Two replicas of one thread behind nginx, which hashes the client or takes the fewest connections; two workers
of one thread on one socket; one service of two threads; where Ray is, its replicas too.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.machine import Neighbours, describe
from bench.server import Server, free_port, our_server
from bench.studies.load import SETTINGS, report, send
from bench.studies.simulation import Report
from bench.studies.traffic import Traffic

MODEL = Path("models/artifacts/autocomplete.tflite")
NGINX = Path("docker/nginx")
CROWD = Traffic(1.0, clients=32, shared=96, own=(8, 24), completion=(16, 32))
"""More clients than one replica has room to remember: about twenty."""

HASHED = "hash $client consistent;"
QUEUED = {**SETTINGS, "AUTOCOMPLETE_QUEUE_SIZE": "256"}
MAIN = """
daemon off;
user root;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/answers;
  include {folder}/site.conf;
}}
"""


@contextmanager
def behind_nginx(model: Path, choice: str) -> Iterator[int]:
    """Two replicas behind nginx as shipped, but for its choice; the port."""
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        servers = [our_server(model, 1, 4, QUEUED) for _ in range(2)]
        for server in servers:
            stack.callback(server.end)
        port = free_port()
        site = "".join((NGINX / name).read_text() for name in ("autocomplete.conf", "replicas.conf"))
        for shipped, here in [
            ("listen 80;", f"listen 127.0.0.1:{port};"),
            ("limit_conn clients 32;", "limit_conn clients 1000;"),
            ("server autocomplete:8000;", "\n".join(f"server 127.0.0.1:{one.port};" for one in servers)),
            (HASHED, choice),
        ]:
            site = site.replace(shipped, here)
        Path(folder, "site.conf").write_text(site)
        Path(folder, "nginx.conf").write_text(MAIN.format(folder=folder))
        nginx = subprocess.Popen(["nginx", "-e", "stderr", "-c", f"{folder}/nginx.conf"])
        stack.callback(nginx.wait, 30)
        stack.callback(nginx.terminate)
        asyncio.run(asyncio.sleep(0.5))
        yield port


@contextmanager
def alone(model: Path, workers: int) -> Iterator[int]:
    """One address, two threads in all, that many workers; the port."""
    server = our_server(model, 2, 8 // workers, {**QUEUED, "AUTOCOMPLETE_WORKERS": str(workers)})
    try:
        asyncio.run(asyncio.sleep(2.0 * (workers - 1)))  # readyz is one worker's
        yield server.port
    finally:
        server.end()


@contextmanager
def under_ray(python: Path, model: Path, replicas: int) -> Iterator[int]:
    """Replicas under Ray Serve, two threads in all; the port."""
    port = free_port()
    settings = {
        "AUTOCOMPLETE_MODEL": str(model),
        "AUTOCOMPLETE_PORT": str(port),
        "AUTOCOMPLETE_THREADS": "2",
        "AUTOCOMPLETE_WORKERS": str(replicas),
        "AUTOCOMPLETE_REQUEST_TIMEOUT_SECONDS": "600",
    }
    server = Server([str(python), "-m", "app.server.ray_serve"], {**QUEUED, **settings}, port, "/readyz")
    try:
        yield port
    finally:
        server.end()


ARRANGEMENTS: dict[str, Callable[[Path], AbstractContextManager[int]]] = {
    "nginx, hash": lambda model: behind_nginx(model, HASHED),
    "nginx, least_conn": lambda model: behind_nginx(model, "least_conn;"),
    "two workers": lambda model: alone(model, 2),
    "one of two threads": lambda model: alone(model, 1),
}


def main(
    rate: Annotated[float, typer.Option(help="Requests a second; a thousand: all at once.")],
    seconds: Annotated[float, typer.Option(help="Of each run.")] = 30,
    warm: Annotated[float, typer.Option(help="Seconds of it that do not count.")] = 10,
    ray: Annotated[Path | None, typer.Option(help="A Python that has Ray.")] = None,
    only: Annotated[str, typer.Option(help="Arrangements whose names contain this.")] = "",
    rounds: Annotated[int, typer.Option(help="Rounds; medians are taken.")] = 2,
    model: Annotated[Path, typer.Option(help="The model file.")] = MODEL,
    output: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("bench/studies/doors.json"),
) -> None:
    """Print what the crowd saw of each arrangement."""
    crowd = replace(CROWD, rate=rate)
    arrangements = dict(ARRANGEMENTS)
    if ray is not None:
        arrangements["ray, two replicas"] = lambda model: under_ray(ray, model, 2)
        arrangements["ray, one of two threads"] = lambda model: under_ray(ray, model, 1)
    arrangements = {name: one for name, one in arrangements.items() if only in name}
    found: dict[str, list[Report]] = {name: [] for name in arrangements}
    for seed in range(1, rounds + 1):
        for name, arrangement in arrangements.items():
            with arrangement(model) as port:
                others = Neighbours()
                answers = asyncio.run(send(port, crowd.requests(seconds, seed)))
                disturbed = others.cores()
            late = [answer for answer in answers if answer.request.arrival >= warm]
            found[name].append(report(late, max(answer.finished for answer in late) - warm))
            Console().print(name, f"others {disturbed:.2f} cores", found[name][-1])
    rows = {name: _medians(reports) for name, reports in found.items()}
    output.write_text(json.dumps({"machine": describe(), "rate": rate, "rows": rows}, indent=2) + "\n")
    Console().print(rows)


def _medians(reports: list[Report]) -> dict[str, Any]:
    times = [1e3 * statistics.median(times) for times in zip(*(r.first_token for r in reports), strict=True)]
    return {
        **{f"{name}_ms": round(value, 1) for name, value in zip(("p50", "p95", "p99"), times, strict=True)},
        **{
            name: round(statistics.median(getattr(r, name) for r in reports), 3)
            for name in ("hits", "refused", "tokens")
        },
    }


if __name__ == "__main__":
    typer.run(main)
