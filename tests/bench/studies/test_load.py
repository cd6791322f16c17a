from __future__ import annotations

import asyncio
import json

import pytest

from bench.studies.load import Answer, report, send
from bench.studies.traffic import Request

BODY = {
    "usage": {"prompt_tokens": 8, "completion_tokens": 4, "cached_tokens": 6},
    "timings": {"first_token_ms": 30.0},
}


def request(arrival: float, client: int = 0) -> Request:
    return Request(arrival, client, prompt=8, shared=6, completion=4, seed=1)


def test_each_request_is_sent_at_its_time_though_nobody_has_been_answered() -> None:
    heads: list[str] = []

    async def run() -> list[Answer]:
        all_here = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append((await reader.readuntil(b"}")).decode())
            if len(heads) == 3:
                all_here.set()
            await all_here.wait()
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + json.dumps(BODY).encode())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await send(port, [request(0.0), request(0.01), request(0.02, client=7)])

    answers = asyncio.run(run())
    assert [answer.status for answer in answers] == [200] * 3
    assert [answer.body for answer in answers] == [BODY] * 3
    assert "X-Client: 7\r\n" in heads[2]


def test_a_broken_connection_is_an_answer_of_its_own() -> None:
    async def run() -> list[Answer]:
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0) as server:
            return await send(server.sockets[0].getsockname()[1], [request(0.0)])

    assert [(answer.status, answer.body) for answer in asyncio.run(run())] == [(0, {})]


def test_a_report_counts_what_was_answered_and_what_was_not() -> None:
    good = [Answer(request(0.0), 200, 2.0, BODY)] * 3
    found = report([*good, Answer(request(0.0), 429, 0.1, {})], seconds=1.0)
    assert found.first_token == pytest.approx((0.03, 0.03, 0.03))
    assert (found.refused, found.tokens, found.hits) == (0.25, 6.0, 0.75)
