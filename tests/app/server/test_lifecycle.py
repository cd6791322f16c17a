"""How the server process ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.app.conftest import Start


def complete(url: str) -> int:
    return httpx.post(f"{url}/complete", json={"prompt": "x"}, timeout=30).status_code


def wait_until_inside(url: str, requests: int) -> None:
    while f"autocomplete_num_sequences_admitted {requests}.0" not in httpx.get(f"{url}/metrics").text:
        time.sleep(0.02)


def test_what_is_in_flight_finishes_after_sigterm_and_the_status_is_0(start: Start) -> None:
    process, url = start(pause=0.05)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(complete, url) for _ in range(8)]
        wait_until_inside(url, 8)
        process.send_signal(signal.SIGTERM)
        assert [answer.result() for answer in answers] == [200] * 8
    assert process.wait(10) == 0


def test_each_request_is_one_json_line_on_standard_error(start: Start) -> None:
    process, url = start()
    assert complete(url) == 200
    assert process.stderr is not None
    line = json.loads(process.stderr.readline())
    assert (line["event"], line["route"], line["status"]) == ("request", "/complete", 200)


def test_a_stream_in_flight_finishes_after_sigterm(start: Start) -> None:
    process, url = start(pause=0.05)
    body = {"prompt": "x", "stream": True}
    with httpx.stream("POST", f"{url}/complete", json=body, timeout=30) as answer:
        lines = answer.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)
        rest = list(lines)
    assert "data: [DONE]" in rest
    assert process.wait(10) == 0


def test_a_connection_accepted_just_before_the_end_is_still_answered(start: Start) -> None:
    process, url = start()
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert process.wait(10) == 0


def test_readiness_is_off_and_requests_are_answered_during_the_pre_stop_delay(start: Start) -> None:
    process, url = start(pre_stop_seconds=2)
    assert httpx.get(f"{url}/readyz").status_code == 200
    process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    answer = httpx.get(f"{url}/readyz")
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "draining")
    assert "retry-after" in answer.headers
    assert complete(url) == 200
    assert process.wait(10) == 0


def test_the_grace_period_is_an_end(start: Start) -> None:
    process, url = start(pause=60, grace_seconds=1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(complete, url)
        wait_until_inside(url, 1)
        process.send_signal(signal.SIGTERM)
        begin = time.perf_counter()
        assert process.wait(30) == 0  # the answer would take a minute
        assert time.perf_counter() - begin > 0.8


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_forces_the_end(start: Start, second: signal.Signals) -> None:
    process, url = start(pause=60, grace_seconds=60)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(complete, url)
        wait_until_inside(url, 1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(second)
        assert process.wait(10) == 130


def test_an_engine_that_refuses_the_model_ends_the_server_with_status_1(start: Start) -> None:
    process, _ = start("refused")
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == 1
    assert stderr.splitlines()[-1] == "tiny.tflite: built for the other runtime"
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"AUTOCOMPLETE_MODEL": "/nowhere/model.tflite"},
            "/nowhere/model.manifest.json: not found; build the model",
        ),
        ({"AUTOCOMPLETE_PORT": "many"}, "AUTOCOMPLETE_PORT: Input should be a valid integer"),
        (
            {"AUTOCOMPLETE_PROFANITY": "on"},
            "AUTOCOMPLETE_PROFANITY: Input should be 'off', 'mask' or 'reject'",
        ),
    ],
)
def test_what_cannot_be_served_is_one_line_and_status_1(environment: dict[str, str], line: str) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "app"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=30,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith(line)
    assert process.stderr.count("\n") == 1
