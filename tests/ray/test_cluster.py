"""The real model under Ray Serve with two replicas: `make test-ray`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest
import ray
from ray import serve

from app.server.ray_serve import NAME, start
from app.settings import Settings
from bench.server import free_port
from bench.studies.load import Answer, send
from bench.studies.traffic import Traffic

RATE = 3.0
"""Requests a second: both replicas work, and one can do it alone for a while."""

LOAD_SECONDS = 30
KILLED_AFTER = 8


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    model = Path(__file__).parents[2] / "models/artifacts/autocomplete.tflite"
    port = free_port()
    settings = Settings(model=model, port=port, workers=2, threads=2, log_level="error", profanity="off")
    start(settings)
    yield port
    serve.shutdown()
    ray.shutdown()


def replicas() -> set[str]:
    """Names of the replicas' actors."""
    actors = ray.util.list_named_actors(all_namespaces=True)
    return {actor["name"] for actor in actors if actor["name"].startswith("SERVE_REPLICA::")}


def running() -> int:
    """Replicas that have passed their health check."""
    states: dict[str, int] = serve.status().applications[NAME].deployments[NAME].replica_states
    return states.get("RUNNING", 0)


def cached(port: int, client: str) -> int:
    """Tokens of a prompt that the replica which is asked has computed before."""
    fields = {"prompt": f"{client} clients had long stories to tell, and all of them began", "max_tokens": 1}
    answer = httpx.post(
        f"http://127.0.0.1:{port}/complete", json=fields, headers={"X-Client": client}, timeout=30
    )
    assert answer.status_code == 200
    tokens: int = answer.json()["usage"]["cached_tokens"]
    return tokens


def test_a_client_meets_the_replica_that_remembers_it(port: int) -> None:
    assert running() == 2
    clients = [str(number) for number in range(8)]
    first, second = ([cached(port, client) for client in clients] for _ in range(2))
    assert max(first) <= 2 < min(second)  # the words after a number are not shared


def test_a_killed_replica_costs_its_running_requests_and_is_replaced(port: int) -> None:
    before, found = replicas(), list[Answer]()
    requests = Traffic(RATE, clients=16).requests(LOAD_SECONDS, seed=1)
    load = Thread(target=lambda: found.extend(asyncio.run(send(port, requests))))
    began = time.monotonic()
    load.start()
    time.sleep(KILLED_AFTER)
    victim = sorted(before)[0]
    killed = time.monotonic() - began
    ray.kill(ray.get_actor(victim, namespace="serve"))
    while not (len(replicas() - before) == 1 and victim not in replicas() and running() == 2):
        assert time.monotonic() - began < LOAD_SECONDS * 2, "the replica was not replaced"
        time.sleep(0.05)
    replaced = time.monotonic() - began
    load.join()
    failed = [answer for answer in found if answer.status != 200]
    print(f"\n{len(found)} requests, {len(failed)} failed: {[answer.status for answer in failed]}")
    print(f"arrived {[round(answer.request.arrival - killed, 2) for answer in failed]} s after the end")
    print(f"both replicas served again {replaced - killed:.1f} s after it")
    lost = [answer for answer in failed if answer.request.arrival <= killed]
    late = [answer for answer in failed if answer.request.arrival > replaced]
    assert (len(late), len(found) > 60) == (0, True)
    assert len(lost) <= 8 + 32  # what one replica has room for
    assert {answer.status for answer in failed} <= {500, 503}
