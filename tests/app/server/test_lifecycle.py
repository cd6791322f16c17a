"""How the server process ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.server.signals import ENDING
from tests.app.conftest import Start
from tests.app.fake_service import LOADING

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def heeded_signals() -> Iterator[None]:
    """A process inherits what its parent ignores, and a test run in the background may ignore both."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def complete(url: str) -> int:
    return httpx.post(f"{url}/complete", json={"prompt": "x"}, timeout=120).status_code


def wait_until_inside(url: str, requests: int) -> None:
    while f"autocomplete_num_sequences_admitted {requests}.0" not in httpx.get(f"{url}/metrics").text:
        time.sleep(0.02)


def test_what_is_in_flight_finishes_after_sigterm_and_the_status_is_0(start: Start, tmp_path: Path) -> None:
    process, url = start(pause=tmp_path / "answer")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(complete, url) for _ in range(8)]
        wait_until_inside(url, 8)
        process.send_signal(signal.SIGTERM)
        (tmp_path / "answer").touch()
        assert [answer.result() for answer in answers] == [200] * 8
    assert process.wait(60) == 0


def test_each_request_is_one_json_line_on_standard_error(start: Start) -> None:
    process, url = start()
    assert complete(url) == 200
    assert process.stderr is not None
    lines = map(json.loads, process.stderr)
    line = next(line for line in lines if not line["event"].startswith("ready on "))
    assert (line["event"], line["route"], line["status"]) == ("request", "/complete", 200)


def test_a_stream_in_flight_finishes_after_sigterm(start: Start) -> None:
    process, url = start(pause=0.05)
    body = {"prompt": "x", "stream": True}
    with httpx.stream("POST", f"{url}/complete", json=body, timeout=120) as answer:
        lines = answer.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)
        rest = list(lines)
    assert "data: [DONE]" in rest
    assert process.wait(60) == 0


def test_a_connection_accepted_just_before_the_end_is_still_answered(start: Start) -> None:
    process, url = start()
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert process.wait(60) == 0


def test_readiness_is_off_and_requests_are_answered_during_the_pre_stop_delay(start: Start) -> None:
    process, url = start(pre_stop_seconds=2)
    assert httpx.get(f"{url}/readyz").status_code == 200
    process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    answer = httpx.get(f"{url}/readyz")
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "draining")
    assert "retry-after" in answer.headers
    assert complete(url) == 200
    assert process.wait(60) == 0


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_cut_at_the_end_of_the_grace_period_is_told_so_in_the_envelope(
    start: Start, stream: bool
) -> None:
    process, url = start(pause=0.2 if stream else 60, grace_seconds=1)
    with ThreadPoolExecutor(1) as pool:
        body = {"prompt": "x", "stream": stream, "until": "token"}
        asked = pool.submit(lambda: httpx.post(f"{url}/complete", json=body, timeout=30))
        wait_until_inside(url, 1)
        process.send_signal(signal.SIGTERM)
        answer = asked.result()
    assert process.wait(60) == 0
    *_, last = answer.text.removesuffix("data: [DONE]\n\n").strip().splitlines()
    error = json.loads(last.removeprefix("data: "))["error"]
    assert answer.status_code == (200 if stream else 503)
    assert (error["code"], error["message"]) == ("not_ready", "the server is ending")
    assert error["request_id"] == answer.headers["x-request-id"]
    assert answer.text.endswith("data: [DONE]\n\n") is stream
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_a_hang_up_and_an_interrupt_end_as_gently_as_sigterm(start: Start, number: signal.Signals) -> None:
    process, url = start(pause=0.05)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(complete, url) for _ in range(8)]
        wait_until_inside(url, 8)
        process.send_signal(number)
        assert [answer.result() for answer in answers] == [200] * 8
    assert process.wait(60) == 0


def test_a_hang_up_that_the_process_was_started_to_ignore_is_ignored(start: Start) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it; a child inherits it
    try:
        process, url = start()
    finally:
        signal.signal(signal.SIGHUP, before)
    process.send_signal(signal.SIGHUP)
    assert complete(url) == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_the_grace_period_is_an_end(start: Start) -> None:
    process, url = start(pause=60, grace_seconds=1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(complete, url)
        wait_until_inside(url, 1)
        process.send_signal(signal.SIGTERM)
        begin = time.perf_counter()
        assert process.wait(60) == 0  # before the answer, whose tokens take a minute each
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
        assert process.wait(60) == 130


def test_a_server_that_is_ready_says_who_it_is_in_one_line(start: Start) -> None:
    process, url = start(api_keys="one,two", profanity="mask")
    assert process.stderr is not None
    line = json.loads(process.stderr.readline())
    assert line["event"] == f"ready on {url}: tiny, window 128 of 256 tokens, 2 API keys, profanity mask"


STARTING = """
import signal, sys, time
from app.server.signals import end_at_once
end_at_once()
print("begun", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_while_the_process_starts_ends_it_with_status_0(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTING], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(number)
        assert process.wait(60) == 0


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("command", [("app",), ("autocomplete_service", "serve")])
def test_a_signal_that_was_blocked_while_the_interpreter_started_ends_it_with_status_0(
    number: signal.Signals, command: tuple[str, ...]
) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # what a process blocks, its children block too
    try:
        process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stderr=subprocess.PIPE)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with process:
        process.send_signal(number)
        assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 0


def test_the_handlers_stand_before_anything_else_is_imported() -> None:
    code = "import sys, app.__main__; print(sorted(m for m in sys.modules if m.split('.')[0] in sys.argv))"
    listed = subprocess.run(
        [sys.executable, "-c", code, "app", "fastapi", "uvicorn", "pydantic", "numpy", "asyncio"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert listed.stdout == "['app', 'app.__main__', 'app.server', 'app.server.signals']\n"


def test_a_signal_before_a_worker_can_answer_ends_it_with_status_0(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOADING, "60")
    process, _ = start(workers=2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_an_address_that_is_taken_is_one_line_and_status_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = subprocess.run(
            [sys.executable, "-m", "app"],
            env=os.environ | {"AUTOCOMPLETE_PORT": str(port)},
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
    assert process.returncode == 1
    assert process.stderr == f"127.0.0.1:{port}: cannot be listened on: Address already in use\n"


def test_an_engine_that_refuses_the_model_ends_the_server_with_status_1(start: Start) -> None:
    process, _ = start("refused")
    _, stderr = process.communicate(timeout=60)
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
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr.startswith(line)
    assert process.stderr.count("\n") == 1
