"""Several processes on one socket: `AUTOCOMPLETE_WORKERS`."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.app.conftest import Start
from tests.app.fake_service import LOADING

pytestmark = pytest.mark.slow


def workers_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail("it never happened")
        time.sleep(0.05)


def complete(url: str) -> int:
    return httpx.post(f"{url}/complete", json={"prompt": "x"}, timeout=120).status_code


def ready(url: str) -> float:
    """How many workers say that they are ready."""
    value = re.search(
        r"^autocomplete_ready (\S+)", httpx.get(f"{url}/metrics", timeout=120).text, re.MULTILINE
    )
    return float(value[1]) if value else 0


def test_metrics_are_those_of_all_workers(start: Start) -> None:
    _, url = start(workers=2)
    eventually(lambda: ready(url) == 2)
    assert [complete(url) for _ in range(20)] == [200] * 20
    metrics = httpx.get(f"{url}/metrics").text
    assert 'autocomplete_requests_total{route="/complete",status="200"} 20.0' in metrics
    assert "autocomplete_generation_tokens_total 500.0" in metrics
    assert "autocomplete_request_prompt_tokens_count 20.0" in metrics
    assert "autocomplete_slots 4.0" in metrics


def test_a_killed_worker_is_replaced_and_the_others_serve_on(start: Start) -> None:
    process, url = start(workers=2)
    eventually(lambda: ready(url) == 2)
    first, second = workers_of(process.pid)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: first not in workers_of(process.pid))
    assert [complete(url) for _ in range(5)] == [200] * 5
    eventually(lambda: len(workers_of(process.pid)) == 2 and ready(url) == 2)
    assert second in workers_of(process.pid)


def test_a_worker_takes_no_connection_before_it_can_answer(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOADING, "1")
    process, url = start(workers=2)
    assert [complete(url) for _ in range(10)] == [200] * 10  # although none of them was ready at first
    eventually(lambda: ready(url) == 2)
    killed, other = workers_of(process.pid)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: killed not in workers_of(process.pid))
    while workers_of(process.pid) == [other] or ready(url) < 2:
        assert complete(url) == 200


def test_what_is_in_flight_in_any_worker_finishes_after_sigterm(start: Start, tmp_path: Path) -> None:
    process, url = start(pause=tmp_path / "answer", workers=2)
    eventually(lambda: ready(url) == 2)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(complete, url) for _ in range(8)]
        eventually(lambda: "autocomplete_num_requests_running 8.0" in httpx.get(f"{url}/metrics").text)
        process.send_signal(signal.SIGTERM)
        (tmp_path / "answer").touch()
        assert [answer.result() for answer in answers] == [200] * 8
    assert process.wait(60) == 0


def test_a_worker_that_refuses_to_start_ends_all(start: Start) -> None:
    process, _ = start("refused", workers=2)
    assert process.wait(120) == 1


def test_workers_end_with_their_supervisor(start: Start) -> None:
    process, url = start(workers=2)
    eventually(lambda: ready(url) == 2)
    workers = workers_of(process.pid)
    process.kill()
    eventually(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
