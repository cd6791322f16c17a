"""What `/complete` keeps of a long prompt: BEHAVIOUR.md section 1, over the scripted engine."""

from __future__ import annotations

import pytest

from tests.app.asking import complete
from tests.app.conftest import Serve
from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio


async def test_a_long_prompt_keeps_its_newest_tokens_and_says_so(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        answer = await complete(client, prompt="0123456789" * 20, max_tokens=5)
    assert answer["window"] == {"limit": 128, "dropped_tokens": 96, "truncated": True}  # three blocks of 32
    assert bytes(engine.generations[0].prompt).decode() == ("0123456789" * 20)[-104:]
    assert answer["usage"]["prompt_tokens"] == 104


async def test_context_window_sets_the_tokens_kept(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        answer = await complete(client, prompt="0123456789", context_window=4)
    assert answer["window"] == {"limit": 4, "dropped_tokens": 6, "truncated": True}
    assert bytes(engine.generations[0].prompt) == b"6789"


async def test_the_window_makes_room_for_the_completion(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        answer = await complete(client, prompt="x" * 200, max_tokens=250, context_window=200)
    assert answer["window"]["limit"] == 6
    (generation,) = engine.generations
    assert len(generation.prompt) + generation.max_tokens == 256


async def test_truncation_error_refuses_a_prompt_longer_than_its_window(serve: Serve) -> None:
    async with serve() as client:
        refused = await client.post("/complete", json={"prompt": "x" * 129, "truncation": "error"})
        accepted = await client.post("/complete", json={"prompt": "x" * 128, "truncation": "error"})
    assert refused.status_code == 422
    assert refused.json()["error"]["field"] == "prompt"
    assert accepted.status_code == 200


async def test_a_cut_never_leaves_half_a_character(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        await complete(client, prompt="日本語", context_window=5)
    assert bytes(engine.generations[0].prompt).decode() == "語"


async def test_the_kept_beginning_stays_the_same_while_a_block_is_typed(serve: Serve) -> None:
    engine, text = FakeEngine(), "0123456789" * 20
    async with serve(engine) as client:
        for size in range(130, 161):
            await complete(client, prompt=text[:size], max_tokens=5)
    assert {bytes(generation.prompt)[:50].decode() for generation in engine.generations} == {text[32:82]}


async def test_a_prompt_over_the_character_limit_loses_steps_of_1024_characters(serve: Serve) -> None:
    engine, text = FakeEngine(), "".join(f"{number:07d} " for number in range(600))
    async with serve(engine, max_prompt_characters=2048) as client:
        answer = await complete(client, prompt=text, echo=True)
        refused = await client.post("/complete", json={"prompt": text, "truncation": "error"})
    assert answer["choices"][0]["text"].startswith(text[3072:])
    assert answer["window"]["truncated"] is True
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, "prompt")
