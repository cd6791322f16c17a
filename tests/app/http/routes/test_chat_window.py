"""What `/v1` says of a prompt that is longer than its window."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.app.sdk import Listen
from tests.fakes import FakeEngine

SYSTEM = {"role": "system", "content": "be brief"}
LONG = {"role": "user", "content": "x" * 200}
LAST = {"role": "user", "content": "what now?"}


def last_event(answer: httpx.Response) -> dict[str, Any]:
    *_, event, done = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
    assert done == "[DONE]"
    parsed: dict[str, Any] = json.loads(event)
    return parsed


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_keeps_its_system_message_and_says_what_was_cut(listen: Listen, stream: bool) -> None:
    engine = FakeEngine()
    body = {"model": "any", "messages": [SYSTEM, LONG, LAST], "max_tokens": 16, "stream": stream}
    answer = httpx.post(f"{listen(engine)}/v1/chat/completions", json=body)
    (generation,) = engine.generations
    assert bytes(generation.prompt).decode() == "system: be brief\nuser: what now?\nassistant:"
    assert generation.max_tokens == 16
    window = (last_event(answer) if stream else answer.json())["window"]
    assert window == {"limit": 240, "dropped_tokens": 207, "truncated": True}
    assert answer.headers["x-prompt-truncated"] == "207"


def test_a_chat_that_fits_beside_its_reply_is_whole(listen: Listen) -> None:
    engine = FakeEngine()
    body = {"model": "any", "messages": [SYSTEM, {"role": "user", "content": "x" * 200}], "max_tokens": 16}
    answer = httpx.post(f"{listen(engine)}/v1/chat/completions", json=body)
    assert len(engine.generations[0].prompt) == len("system: be brief\nuser: \nassistant:") + 200
    assert answer.json()["window"] == {"limit": 240, "dropped_tokens": 0, "truncated": False}
    assert "x-prompt-truncated" not in answer.headers


@pytest.mark.parametrize("asked", [None, 4096])
def test_a_chat_leaves_room_for_a_reply_whatever_is_asked_for(listen: Listen, asked: int | None) -> None:
    engine = FakeEngine()
    messages = [SYSTEM, {"role": "user", "content": "x" * 500}]
    httpx.post(
        f"{listen(engine)}/v1/chat/completions",
        json={"model": "any", "messages": messages, "max_tokens": asked},
    ).raise_for_status()
    (generation,) = engine.generations
    room = 128 if asked else 64
    assert (len(generation.prompt), generation.max_tokens) == (256 - room, room)
    assert bytes(generation.prompt).startswith(b"system: be brief\nuser: x")


@pytest.mark.parametrize("stream", [False, True])
def test_a_completion_says_what_was_cut(listen: Listen, stream: bool) -> None:
    body = {"model": "any", "prompt": ["short", "x" * 200], "max_tokens": 4, "stream": stream}
    answer = httpx.post(f"{listen()}/v1/completions", json=body)
    window = (last_event(answer) if stream else answer.json())["window"]
    assert window == {"limit": 128, "dropped_tokens": 96, "truncated": True}
    if not stream:
        assert answer.headers["x-prompt-truncated"] == "96"


@pytest.mark.parametrize(("asked", "given"), [(4096, 128), (255, 128), (100, 100)])
def test_max_tokens_over_the_room_are_lowered_to_it(listen: Listen, asked: int, given: int) -> None:
    engine = FakeEngine()
    body = {"model": "any", "prompt": "x" * 128, "max_tokens": asked}
    assert httpx.post(f"{listen(engine)}/v1/completions", json=body).status_code == 200
    assert (len(engine.generations[0].prompt), engine.generations[0].max_tokens) == (128, given)
