"""Real sockets: slow senders, large heads, many connections, clients that leave."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.server.connection import FED, MOST_PIPELINED, SPARE_CONNECTIONS, BoundedConnection
from tests.fakes import ByteTokenizer, FakeEngine

pytestmark = pytest.mark.slow

Listen = Callable[..., str]

BODY = json.dumps({"prompt": "x"}).encode()
HEAD = b"POST /complete HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@contextmanager
def connected(url: str, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.socket() as connection:
        connection.settimeout(10)
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect((parts.hostname, parts.port))
        yield connection


def read_all(connection: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def trickle(connection: socket.socket, data: bytes) -> None:
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(0.01)


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    start = time.perf_counter()
    while not condition():
        if time.perf_counter() - start > seconds:
            pytest.fail("it never happened")
        time.sleep(0.002)


def test_a_connection_that_sends_nothing_is_closed_at_the_head_deadline(listen: Listen) -> None:
    with connected(listen(header_timeout_seconds=0.2)) as connection:
        start = time.perf_counter()
        assert read_all(connection) == b""
        assert time.perf_counter() - start > 0.15


def test_a_trickled_head_is_closed_at_its_deadline(listen: Listen) -> None:
    url = listen(header_timeout_seconds=0.3)
    with connected(url) as connection, pytest.raises(ConnectionError):
        trickle(connection, HEAD * 100)
    assert httpx.get(f"{url}/livez").status_code == 200


def test_the_next_head_on_a_kept_connection_has_a_deadline_too(listen: Listen) -> None:
    with connected(listen(header_timeout_seconds=0.3)) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while not received.endswith(b'{"status":"alive"}'):
            received += connection.recv(65_536)
        connection.sendall(b"GET /livez")
        assert read_all(connection) == b""


def test_a_slow_sender_holds_up_nobody_else(listen: Listen) -> None:
    url = listen(header_timeout_seconds=60, body_timeout_seconds=60)
    with connected(url) as one, connected(url) as other:
        one.sendall(HEAD[:40])
        other.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY[:1])
        assert httpx.post(f"{url}/complete", json={"prompt": "x"}).status_code == 200
        one.sendall(HEAD[40:] + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        other.sendall(BODY[1:])
        for slow in (one, other):  # they were still being listened to
            assert slow.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_a_large_head_is_431(listen: Listen) -> None:
    with connected(listen(max_header_bytes=2048)) as connection:
        connection.sendall(HEAD + b"X-Filler: " + b"x" * 3000 + b"\r\n\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "head_too_large"


def test_many_small_headers_count_as_one_head(listen: Listen) -> None:
    with connected(listen(max_header_bytes=2048)) as connection:
        connection.sendall(HEAD + b"a: b\r\n" * 600 + b"\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 431 ")


def test_more_connections_than_the_cap_are_503(listen: Listen) -> None:
    url = listen(max_connections=2)
    with connected(url), connected(url), connected(url) as third:
        answer = read_all(third)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in answer
    wait_until(lambda: httpx.get(f"{url}/livez").status_code == 200)


def answer_to(url: str, request: bytes) -> bytes:
    """All that comes back until the connection is closed."""
    with connected(url) as connection:
        connection.sendall(request)
        return read_all(connection)


def test_over_the_cap_the_probes_are_answered_however_many_connections_are_open(listen: Listen) -> None:
    url = listen(max_connections=2)
    with ExitStack() as stack:
        for _ in range(2 + 2 * SPARE_CONNECTIONS):
            stack.enter_context(connected(url))
        for path in (b"/livez", b"/readyz?verbose"):
            answer = answer_to(url, b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" in answer
        refused = answer_to(url, HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert json.loads(refused.partition(b"\r\n\r\n")[2])["error"]["message"] == "too many connections"


def test_over_the_cap_a_probe_that_is_never_complete_is_503(listen: Listen) -> None:
    url = listen(max_connections=1)
    for begun in (b"GET /live", b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"):
        with connected(url):
            assert answer_to(url, begun).startswith(b"HTTP/1.1 503 ")


def test_over_the_cap_the_newest_takes_the_place_of_the_oldest(listen: Listen) -> None:
    url = listen(max_connections=1)
    with ExitStack() as stack:
        stack.enter_context(connected(url))
        oldest, *_ = [stack.enter_context(connected(url)) for _ in range(SPARE_CONNECTIONS + 1)]
        assert read_all(oldest).startswith(b"HTTP/1.1 503 ")


UPGRADES = {
    "curl --http2": b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIA\r\n",
    "Java": b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAA\r\nUpgrade: h2c\r\n",
    "WebSocket": b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n",
    "TLS": b"Upgrade: TLS/1.0\r\nConnection: upgrade\r\n",
    "two": b"Connection: upgrade\r\nUpgrade: h2c\r\nupgrade: other\r\n",
}


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("pause", [0.0, 0.1])
def test_a_wish_to_change_the_protocol_is_passed_over(listen: Listen, upgrade: bytes, pause: float) -> None:
    with connected(listen()) as connection:
        for last in (b"", b"Connection: close\r\n"):
            connection.sendall(HEAD + upgrade + last + b"Content-Length: %d\r\n\r\n" % len(BODY))
            time.sleep(pause)
            connection.sendall(BODY)
        answers = read_all(connection)
    assert [part[:4] for part in answers.split(b"HTTP/1.1 ")] == [b"", b"200 ", b"200 "]


def test_a_body_behind_a_wish_to_change_the_protocol_is_no_request(listen: Listen) -> None:
    inner = b"GET /model HTTP/1.1\r\nHost: x\r\n\r\n"
    head = HEAD + UPGRADES["curl --http2"] + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(inner)
    with connected(listen()) as connection:
        connection.sendall(head)
        time.sleep(0.1)
        connection.sendall(inner)
        answers = read_all(connection)
    assert [part[:4] for part in answers.split(b"HTTP/1.1 ")] == [b"", b"422 "]


def test_a_body_in_chunks_behind_a_wish_to_change_the_protocol_is_read(listen: Listen) -> None:
    head = HEAD + UPGRADES["Java"] + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    assert answer_to(listen(), head + chunks).startswith(b"HTTP/1.1 200 ")


def test_a_tunnel_is_refused(listen: Listen) -> None:
    answer = answer_to(listen(), b"CONNECT other.example:443 HTTP/1.1\r\nHost: other.example\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "method_not_allowed"


def test_a_trailer_is_no_header(listen: Listen) -> None:
    url = listen(api_keys=("secret",))
    chunks = b"%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n"
    key = b"Authorization: Bearer secret\r\n"
    for chunk, status in ((head + key + b"\r\n" + chunks, b"200"), (head + b"\r\n" + chunks + key, b"401")):
        assert answer_to(url, chunk + b"\r\n").startswith(b"HTTP/1.1 %b " % status)


def test_trailers_count_as_a_head(listen: Listen) -> None:
    with connected(listen(max_header_bytes=2048)) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 600)
        assert read_all(connection).startswith(b"HTTP/1.1 431 ")


def test_what_is_not_http_behind_a_request_does_not_disturb_its_answer(listen: Listen) -> None:
    url = listen(FakeEngine(pause=0.01))
    answer = answer_to(
        url, HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY + b"\x16\x03nonsense\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["choices"]


@pytest.mark.parametrize("stream", [False, True])
def test_http_1_0_is_answered_without_chunks(listen: Listen, stream: bool) -> None:
    body = json.dumps({"prompt": "x", "stream": stream}).encode()
    request = HEAD.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    head, _, answer = answer_to(listen(), request + body).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert answer.endswith(b"\n\ndata: [DONE]\n\n" if stream else b"}")
    assert answer.startswith(b'data: {"id"' if stream else b'{"id"')


def test_http_1_0_gets_head_without_a_body(listen: Listen) -> None:
    _, _, body = answer_to(listen(), b"HEAD /metrics HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")
    assert body == b""


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"nonsense\r\n\r\n"]
)
def test_what_is_not_http_gets_the_envelope(listen: Listen, garbage: bytes) -> None:
    with connected(listen()) as connection:
        connection.sendall(garbage)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "malformed_http"


def test_ten_megabytes_are_refused_before_they_are_sent(listen: Listen) -> None:
    with connected(listen()) as connection:
        connection.sendall(HEAD + b"Content-Length: 10000000\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_who_was_not_told_to_continue_is_told_to_close(listen: Listen) -> None:
    with connected(listen()) as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 10000000\r\n\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer


def test_who_was_told_to_continue_keeps_the_connection(listen: Listen) -> None:
    with connected(listen()) as connection:
        for _ in range(2):
            connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
            assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(BODY)
            answer = connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" not in answer


def test_what_is_still_sent_after_a_refusal_is_cut_at_the_body_deadline(listen: Listen) -> None:
    with connected(listen(body_timeout_seconds=0.3)) as connection:
        connection.sendall(HEAD + b"Content-Length: 10000000\r\n\r\n")
        with pytest.raises(ConnectionError):
            trickle(connection, b"x" * 500)


def test_a_connection_serves_many_requests(listen: Listen) -> None:
    with httpx.Client(base_url=listen()) as client:
        assert [client.post("/complete", json={"prompt": "x"}).status_code for _ in range(5)] == [200] * 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_frees_its_slot(listen: Listen, stream: bool) -> None:
    engine = FakeEngine(pause=0.02, scripts=["x" * 200])
    url = listen(engine)
    with connected(url) as connection:
        body = json.dumps({"prompt": "x", "stream": stream, "max_tokens": 200}).encode()
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: engine.running == 1)
        time.sleep(0.1)
    wait_until(lambda: engine.running == 0)
    wait_until(lambda: "autocomplete_cancelled_total 1.0" in httpx.get(f"{url}/metrics").text)


@pytest.mark.parametrize("behind", [1, 3])
def test_a_client_that_leaves_with_further_requests_behind_frees_its_slot(
    listen: Listen, behind: int
) -> None:
    engine = FakeEngine(pause=0.02, scripts=["x" * 2000])
    url = listen(engine)
    with connected(url) as connection:
        body = json.dumps({"prompt": "x", "stream": True, "max_tokens": 200}).encode()
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: engine.running == 1)
        for _ in range(behind):
            connection.sendall(b"GET /model HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.05)
    wait_until(lambda: engine.running == 0)
    wait_until(lambda: "autocomplete_cancelled_total 1.0" in httpx.get(f"{url}/metrics").text)


def test_of_requests_in_a_row_few_are_read_ahead_and_all_are_answered(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = []
    on_headers_complete = BoundedConnection.on_headers_complete

    def counted(self: BoundedConnection) -> None:
        on_headers_complete(self)
        waiting.append(len(self.pipeline))

    monkeypatch.setattr(BoundedConnection, "on_headers_complete", counted)
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answers = answer_to(listen(), request * 1000 + last)
    assert answers.count(b"HTTP/1.1 200 ") == 1001
    assert max(waiting) <= MOST_PIPELINED + FED // len(request)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


BUFFER = 16_384
"""Bytes that the kernel holds for a reader in these tests; it would hold megabytes."""

LARGE = json.dumps({"prompt": "語" * 8000, "stream": True, "echo": True, "n": 8}).encode()
"""Asks for 192 kB, most of it at once."""


def test_a_reader_that_stalls_loses_its_slots_and_its_connection(listen: Listen) -> None:
    engine = FakeEngine(slots=8)
    limits = {"slots": 8, "queue_size": 0, "profanity": "off"}
    url = listen(engine, send_buffer=BUFFER, send_timeout_seconds=0.4, **limits)
    before = open_files()
    with connected(url, BUFFER) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(LARGE) + LARGE)
        wait_until(lambda: len(engine.generations) == 8)
        wait_until(lambda: engine.running == 0)
        wait_until(lambda: httpx.post(f"{url}/complete", json={"prompt": "x"}).status_code == 200)
        wait_until(lambda: open_files() == before + 1)  # our end
        metrics = httpx.get(f"{url}/metrics").text
    assert "autocomplete_cancelled_total 1.0" in metrics
    assert engine.running == 0


def test_a_reader_that_stalls_with_little_unread_loses_its_connection(listen: Listen) -> None:
    url = listen(send_buffer=BUFFER, send_timeout_seconds=0.4, keep_alive_seconds=60)
    request = b"GET /model HTTP/1.1\r\nHost: x\r\n\r\n"
    size = len(answer_to(url, request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
    count = 6 * BUFFER // size  # more than the kernel holds, by less than the loop's own limit of 64 KiB
    before = open_files()
    with connected(url, BUFFER) as connection:
        for _ in range(count):
            connection.sendall(request)
        wait_until(lambda: open_files() == before + 2)
        wait_until(lambda: open_files() == before + 1)  # our end
        assert BUFFER < len(read_all(connection)) < (count - 1) * size


def test_a_reader_that_is_slow_gets_everything(listen: Listen) -> None:
    url = listen(send_buffer=BUFFER, send_timeout_seconds=0.4, profanity="off")
    received = b""
    with connected(url, BUFFER) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(LARGE) + LARGE)
        while not received.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"):
            received += connection.recv(BUFFER)
            time.sleep(0.02)
    assert received.count("語".encode()) == 8 * 8000


def test_a_client_that_closes_its_half_of_a_connection_has_left(listen: Listen) -> None:
    engine = FakeEngine(pause=60)
    url = listen(engine)
    with connected(url) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        wait_until(lambda: engine.running == 1)
        connection.shutdown(socket.SHUT_WR)
        wait_until(lambda: engine.running == 0)
        assert read_all(connection) == b""


def test_connections_that_were_opened_and_forgotten_are_closed_and_hold_up_nobody(listen: Listen) -> None:
    url = listen(header_timeout_seconds=0.5)
    before = open_files()
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(connected(url))
        assert httpx.get(f"{url}/livez").status_code == 200
        wait_until(lambda: open_files() == before + 200)  # the server's ends are closed


def test_a_client_that_leaves_while_it_waits_for_a_slot_is_forgotten(listen: Listen) -> None:
    engine = FakeEngine(pause=60)
    url = listen(engine, slots=1, queue_size=1)
    with connected(url) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        wait_until(lambda: engine.running == 1)
    wait_until(lambda: engine.running == 0)


class Counting(ByteTokenizer):
    """Remembers the texts that it was asked for."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def tokenize(self, text: str) -> list[int]:
        self.texts.append(text)
        return super().tokenize(text)


def test_a_full_server_refuses_before_any_work(listen: Listen) -> None:
    engine, tokenizer = FakeEngine(pause=60), Counting()
    url = listen(engine, open_tokenizer=lambda: tokenizer, slots=1, queue_size=0)
    with connected(url) as connection, httpx.Client(base_url=url) as client:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        wait_until(lambda: engine.running == 1)
        for _ in range(100):
            assert client.post("/complete", json={"prompt": "what the fuck"}).status_code == 429
        assert len(engine.generations) == 1
    assert tokenizer.texts == ["x"]


@pytest.mark.anyio
async def test_a_burst_gets_only_200_and_429(listen: Listen) -> None:
    url = listen(FakeEngine(pause=0.1, scripts=["four"]), slots=4, queue_size=4)
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:
        answers = await asyncio.gather(*[client.post("/complete", json={"prompt": "x"}) for _ in range(80)])
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 8


@pytest.mark.anyio
async def test_who_obeys_retry_after_succeeds(listen: Listen) -> None:
    url = listen(FakeEngine(pause=0.05, scripts=["four"]), slots=1, queue_size=1)
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:

        async def ask() -> httpx.Response:
            return await client.post("/complete", json={"prompt": "x"})

        for _ in range(3):
            answers = await asyncio.gather(*[ask() for _ in range(3)])
            (refused,) = [answer for answer in answers if answer.status_code == 429]
            await asyncio.sleep(int(refused.headers["retry-after"]))
            assert (await ask()).status_code == 200


def ask(url: str, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer, as they are on the wire."""
    with connected(url) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/redoc", "/openapi.json", "/livez", "/readyz", "/model", "/metrics", "/v1/models"]
)
def test_head_is_answered_as_get_is_but_for_the_body(listen: Listen, path: str) -> None:
    url = listen()
    (got, get, body), (headed, head, nothing) = ask(url, "GET", path), ask(url, "HEAD", path)
    assert (got, headed, nothing) == (200, 200, b"")
    assert head.keys() == get.keys()
    assert head["content-type"] == get["content-type"]
    assert len(body) == int(get["content-length"])


def test_head_is_refused_where_there_is_no_get(listen: Listen) -> None:
    status, headers, body = ask(listen(), "HEAD", "/complete")
    assert (status, headers["allow"], body) == (405, "POST", b"")
