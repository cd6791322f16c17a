"""Debian's nginx in front of the service, with a scripted engine that writes ten letters a second."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from bench.studies.doors import MAIN
from tests.docker.files import ROOT
from tests.docker.traffic import answers, complete, free_port, program, wait_until

PAUSE = 0.1


def write_config(folder: Path, upstream: str, *changes: tuple[str, str]) -> None:
    """The shipped files in a folder, but for some of their words; nginx.conf is the one to start with."""
    shipped = ROOT / "docker/nginx"
    site = (shipped / "autocomplete.conf").read_text() + (shipped / upstream).read_text()
    for old, new in changes:
        assert old in site
        site = site.replace(old, new)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))


@contextmanager
def proxied(folder: Path, *, clients: int = 32, **settings: str) -> Iterator[tuple[str, str]]:
    """The service and nginx before it, as shipped but for ports and the number of clients: both addresses."""
    behind, front = free_port(), free_port()
    write_config(
        folder,
        "one.conf",
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{behind};"),
        ("listen 80;", f"listen 127.0.0.1:{front};"),
        ("limit_conn clients 32;", f"limit_conn clients {clients};"),
    )
    service = [sys.executable, "-m", "tests.app.fake_service", str(PAUSE)]
    settings |= {"AUTOCOMPLETE_PORT": str(behind)}
    with (
        program(service, folder / "service.log", **os.environ, **settings),
        program(["nginx", "-e", "stderr", "-c", f"{folder}/nginx.conf"], folder / "nginx.log", **os.environ),
    ):
        wait_until(lambda: answers(f"http://127.0.0.1:{front}/readyz"), 30)
        yield f"http://127.0.0.1:{behind}", f"http://127.0.0.1:{front}"


@contextmanager
def streaming(url: str) -> Iterator[Iterator[str]]:
    """A running stream, its first piece seen."""
    body = {"prompt": "The quick brown fox", "stream": True, "until": "token"}
    with httpx.stream("POST", f"{url}/complete", json=body, timeout=30) as response:
        lines = (line for line in response.iter_lines() if line.startswith("data: {"))
        next(lines)
        yield lines


def test_pieces_of_a_stream_arrive_one_by_one(tmp_path: Path) -> None:
    with proxied(tmp_path, AUTOCOMPLETE_PROFANITY="off") as (_, front):  # the guard would hold letters back
        started = time.monotonic()
        with streaming(front) as lines:
            arrivals = [(time.monotonic() - started, json.loads(line[6:])) for line in lines]
    for seconds, event in arrivals:
        print(f"{seconds:6.3f} s  {event['choices'][0]['text']!r}")
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(arrivals)]
    assert len(arrivals) >= 15
    assert sum(gap > PAUSE / 2 for gap in gaps) >= 15


def test_a_refusal_passes_through_with_its_retry_after(tmp_path: Path) -> None:
    with (
        proxied(tmp_path, AUTOCOMPLETE_SLOTS="1", AUTOCOMPLETE_QUEUE_SIZE="0") as (behind, front),
        streaming(front),
    ):
        direct, through = complete(behind), complete(front)
    print(f"{through.status_code}, Retry-After: {through.headers['retry-after']}, {through.text}")
    assert (direct.status_code, through.status_code) == (429, 429)
    assert through.headers["retry-after"].isdecimal()
    assert through.json()["error"] | {"request_id": ""} == direct.json()["error"] | {"request_id": ""}


def test_an_address_with_too_many_requests_is_refused_in_the_same_words(tmp_path: Path) -> None:
    with proxied(tmp_path, clients=2) as (_, front), streaming(front), streaming(front):
        answer = complete(front)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["code"] == "overloaded"


def test_a_body_that_is_too_large_is_refused_by_the_service(tmp_path: Path) -> None:
    with proxied(tmp_path) as (_, front):
        answer = complete(front, "x" * 100_000)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_connections_to_the_service_are_kept(tmp_path: Path) -> None:
    with proxied(tmp_path) as (behind, front), ExitStack() as stack:
        client = stack.enter_context(httpx.Client())
        for _ in range(20):
            assert client.get(f"{front}/readyz").status_code == 200
        assert _connections_to(int(behind.rpartition(":")[2])) == 1


def _connections_to(port: int) -> int:
    established = "01"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == established for row in rows)


def test_nginx_names_the_request_and_keeps_the_metrics_inside(tmp_path: Path) -> None:
    with proxied(tmp_path) as (_, front):
        named = httpx.get(f"{front}/livez").headers["x-request-id"]
        assert len(named) == 32
        assert httpx.get(f"{front}/metrics").status_code == 403


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/"])
def test_pages_pass_through(tmp_path: Path, path: str) -> None:
    with proxied(tmp_path) as (behind, front):
        assert httpx.get(front + path).content == httpx.get(behind + path).content
