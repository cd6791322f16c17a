"""The whole service on the real model: processes, sockets, weights."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PRIVATE_LIMIT_KB = 450 * 1024


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[bytes]
    client: httpx.Client

    @property
    def engine(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        (engine,) = {int(pid) for file in children for pid in file.read_text().split()}
        return engine

    def complete(self, prompt: str, **fields: object) -> httpx.Response:
        return self.client.post("/complete", json={"prompt": prompt, **fields})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with httpx.Client(timeout=60) as client:
        port = free_port()
        client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
        environment = {**os.environ, "AUTOCOMPLETE_PORT": str(port)}
        log = tmp_path_factory.mktemp("log") / "service.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "app"], cwd=ROOT, env=environment, stdout=file, stderr=file
            )
        try:
            wait_until_ready(client)
            yield Running(process, client)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log.read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise TimeoutError("the service did not become ready")


def test_it_continues_english(service: Running) -> None:
    answer = service.complete("The capital of France is", max_tokens=4, temperature=0).json()
    assert answer["choices"][0]["text"].startswith(" Paris")


def test_a_seed_gives_one_text(service: Running) -> None:
    texts = [
        service.complete("The quick brown fox", max_tokens=24, seed=7).json()["choices"][0]["text"]
        for _ in range(2)
    ]
    assert texts[0] == texts[1]


def test_no_process_maps_a_library_of_tensorflow(service: Running) -> None:
    for pid in (service.process.pid, service.engine):
        assert "libtensorflow_" not in Path(f"/proc/{pid}/maps").read_text()


def test_private_memory_stays_under_its_limit(service: Running) -> None:
    for number in range(100):
        assert service.complete(f"Request {number}: the weather", max_tokens=2).status_code == 200
    private = 0
    for pid in (service.process.pid, service.engine):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        (size,) = [int(line.split()[1]) for line in lines if line.startswith("RssAnon")]
        private += size
    assert private <= PRIVATE_LIMIT_KB


def test_a_killed_engine_costs_the_running_request_alone(service: Running) -> None:
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(
            service.complete("Once upon a time", max_tokens=250, temperature=1.0, seed=5).status_code
        )

    engine = service.engine
    asking = threading.Thread(target=ask)
    asking.start()
    while "autocomplete_num_sequences_admitted 1.0" not in service.client.get("/metrics").text:
        time.sleep(0.01)
    os.kill(engine, signal.SIGKILL)
    asking.join()
    assert statuses[0] in (500, 503)
    wait_until_ready(service.client)
    assert service.complete("Hello", max_tokens=1).status_code == 200
