"""What the checks that run real programs share: waiting, asking the service, asking Prometheus."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

PROMPT = "The quick brown fox"
REJECTED = "What a load of shit"

# Plain HTTP needs no certificates, and reading them anew for each request is most of its cost.
get, post = partial(httpx.get, verify=False), partial(httpx.post, verify=False)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], seconds: float) -> float:
    """Ask until it is so; the seconds that took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} seconds"
        time.sleep(0.05)
    return time.monotonic() - started


def answers(url: str) -> bool:
    try:
        return get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def program(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program in the background; it is told to end with the block, and must."""
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=40)


def complete(url: str, prompt: str = PROMPT, **fields: object) -> httpx.Response:
    return post(f"{url}/complete", json={"prompt": prompt, **fields}, timeout=60)


def send_traffic(url: str, prometheus: str) -> None:
    """A little of everything that the board shows, twice: only what Prometheus knows already can grow."""
    _send(url)
    wait_for_data(prometheus, 'autocomplete_requests_total{status="422"}')
    _send(url)
    wait_for_data(prometheus, "sum(rate(autocomplete_guard_hits_total[5m])) > 0")


def _send(url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        prompts = [f"{PROMPT} number {number % 3}" for number in range(12)]
        found = list(pool.map(lambda prompt: complete(url, prompt, max_tokens=24).status_code, prompts))
    assert found == [200] * 12
    assert complete(url, REJECTED).status_code == 400
    assert complete(url, max_tokens=0).status_code == 422


def query(prometheus: str, expression: str) -> list[dict[str, Any]]:
    """Prometheus' answer: series with labels and a value, NaN left out."""
    answer = get(f"{prometheus}/api/v1/query", params={"query": expression}, timeout=10).json()
    assert answer["status"] == "success", answer
    return [series for series in answer["data"]["result"] if series["value"][1] != "NaN"]


def wait_for_data(prometheus: str, expression: str) -> None:
    wait_until(lambda: bool(query(prometheus, expression)), 60)


def print_answers(prometheus: str, queries: dict[str, str]) -> None:
    for name, expression in queries.items():
        for series in query(prometheus, expression):
            labels = ", ".join(f"{k}={v}" for k, v in series["metric"].items() if not k.startswith("__"))
            print(f"{name:44} {labels:34} {float(series['value'][1]):12.6g}")
