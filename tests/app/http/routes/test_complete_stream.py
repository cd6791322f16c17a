"""The stream of `/complete`: BEHAVIOUR.md section 1, over the scripted engine."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.app.asking import complete, events, streamed_text
from tests.app.conftest import Serve
from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio


async def test_a_stream_is_pieces_then_a_last_event_then_done(serve: Serve) -> None:
    async with serve() as client:
        *pieces, last = await events(client, seed=7)
        whole = await complete(client, seed=7)
    assert all(piece.keys() == {"id", "choices"} for piece in pieces)
    assert all(piece["choices"][0]["finish_reason"] is None for piece in pieces)
    assert streamed_text(pieces) == whole["choices"][0]["text"]
    assert last["choices"] == [{"index": 0, "text": "", "finish_reason": "stop", "healed": 0}]
    for part in ("usage", "window", "guard", "seed", "model"):
        assert last[part] == whole[part]
    assert last["timings"].keys() == whole["timings"].keys()


async def test_choices_are_streamed_side_by_side(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=[" one two", " three four"])) as client:
        *pieces, last = await events(client, n=2)
    assert streamed_text(pieces, 0) == " one two"
    assert streamed_text(pieces, 1) == " three four"
    assert [choice["index"] for choice in last["choices"]] == [0, 1]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(script=st.text(max_size=40), stop=st.lists(st.text(min_size=1, max_size=3), max_size=2))
def test_the_streams_text_is_the_whole_text(serve: Serve, script: str, stop: list[str]) -> None:
    async def both() -> tuple[str, str]:
        async with serve(FakeEngine(scripts=[script]), profanity="mask") as client:
            whole = await complete(client, stop=stop, max_tokens=100)
            stream = await events(client, stop=stop, max_tokens=100)
        return streamed_text(stream), whole["choices"][0]["text"]

    streamed, whole = asyncio.run(both())
    assert streamed == whole


async def test_a_character_of_several_tokens_is_never_cut(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=["naïve 日本 👍🏽"]), profanity="off") as client:
        stream = await events(client)
        cut = await complete(client, max_tokens=3, until="token")
    assert streamed_text(stream) == "naïve 日本 👍🏽"
    assert not any("\ufffd" in event["choices"][0]["text"] for event in stream)
    assert cut["choices"][0]["text"] == "na"


async def test_a_comment_is_sent_while_waiting(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=["a"], pause=0.12), ping_seconds=0.05) as client:
        answer = await client.post("/complete", json={"prompt": "x", "stream": True})
    assert answer.text.startswith(": ping\n\n")


async def test_an_error_before_the_first_byte_has_its_own_status(serve: Serve) -> None:
    async with serve(FakeEngine(fail_after=0)) as client:
        answer = await client.post("/complete", json={"prompt": "x", "stream": True})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "engine_failed"


async def test_an_error_after_the_first_byte_is_an_event_with_the_envelope(serve: Serve) -> None:
    async with serve(FakeEngine(fail_after=9), profanity="off") as client:
        *pieces, last = await events(client)
    assert streamed_text(pieces) == " jumps"
    assert last["error"]["code"] == "engine_failed"
    assert last["error"].keys() == {"code", "message", "request_id"}
