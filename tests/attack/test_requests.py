"""Bad requests over real sockets: never a 5xx, never a hang, never an echo, always alive.

TEST_ATTACKS sets how many are generated, TEST_URL names a running service to attack in place of one over the
scripted engine. More than some thousands need `-o timeout=0`.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.http.test_error_responses import POISON
from tests.attack.requests import CANARY, Request, bad_requests, written

ATTACKS = int(os.environ.get("TEST_ATTACKS", "400"))

PATIENCE = 60.0
"""Seconds without a byte; who waits longer hangs."""


@pytest.fixture
def url(listen: Callable[..., str]) -> str:
    return os.environ.get("TEST_URL") or listen(header_timeout_seconds=2, body_timeout_seconds=2)


def answers(url: str, request: Request) -> bytes:
    """Everything that the service sends until it closes the connection."""
    parts = urlsplit(url)
    received = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as connection:
        with suppress(ConnectionError):
            connection.sendall(request.data)
            if not request.complete:
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while chunk := connection.recv(65_536):
                received += chunk
    return received


def statuses(received: bytes) -> list[int]:
    """Of each answer in what was received; those to an unread rest of a request, too."""
    lines = received.split(b"HTTP/1.1 ")[1:]
    return [int(line[:3]) for line in lines]


def check(received: bytes) -> list[int]:
    """That an answer may be seen: no 5xx, an envelope that repeats nothing."""
    found = statuses(received)
    assert all(status < 500 for status in found), received
    for status in found:
        if status >= 400:
            assert CANARY.encode() not in received
            body = received.rpartition(b"\r\n\r\n")[2]
            assert json.loads(body)["error"]["code"] if body else True
    return found


@pytest.mark.slow
def test_generated_bad_requests(url: str) -> None:
    seen: Counter[int] = Counter()
    slowest = 0.0

    @settings(max_examples=ATTACKS, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(bad_requests)
    def attack(request: Request) -> None:
        nonlocal slowest
        began = time.monotonic()
        seen.update(check(answers(url, request)) or [0])
        slowest = max(slowest, time.monotonic() - began)

    attack()
    assert httpx.get(f"{url}/livez").status_code == 200
    assert httpx.post(f"{url}/complete", json={"prompt": "x", "max_tokens": 1}).status_code == 200
    by_status = dict(sorted(seen.items()))
    print(f"{seen.total()} answers, by status (0: closed): {by_status}, slowest {slowest:.2f} s")


@pytest.mark.parametrize("name", POISON)
def test_poison_over_a_socket(url: str, name: str) -> None:
    body, _ = POISON[name]
    if name == "max_tokens beyond the model" and "TEST_URL" in os.environ:
        body = body.replace(b"256", b"100000")
    assert check(answers(url, written("/complete", body))) in ([422], [413])


def test_ten_megabytes_are_refused(url: str) -> None:
    body = b'{"prompt": "' + b"a" * 10_000_000 + b'"}'
    assert check(answers(url, written("/complete", body)))[:1] in ([413], [])


@given(st.binary(max_size=64))
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
def test_bytes_that_are_no_request_are_closed(url: str, data: bytes) -> None:
    check(answers(url, Request(data, complete=False)))
