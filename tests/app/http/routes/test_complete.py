"""The answer of `/complete`: BEHAVIOUR.md section 1, over the scripted engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from app.engine.messages import Sampling
from tests.app.asking import FOX, complete, events, streamed_text
from tests.app.conftest import Serve
from tests.fakes import ByteTokenizer, FakeEngine

pytestmark = pytest.mark.anyio


async def test_an_answer_has_every_part_of_the_contract(serve: Serve) -> None:
    async with serve() as client:
        response = await client.post(
            "/complete", json={"prompt": "The quick brown fox", "seed": 7}, headers={"X-Request-ID": "mine"}
        )
    answer = response.json()
    timings = answer.pop("timings")
    assert answer == {
        "id": "cmpl-mine",
        "model": "tiny",
        "choices": [{"index": 0, "text": FOX, "finish_reason": "stop", "healed": 0}],
        "usage": {"prompt_tokens": 19, "completion_tokens": 25, "total_tokens": 44, "cached_tokens": 2},
        "window": {"limit": 128, "dropped_tokens": 0, "truncated": False},
        "guard": {"policy": "reject", "attempts": 1},
        "seed": 7,
    }
    assert timings.keys() == {"queue_ms", "prefill_ms", "decode_ms", "first_token_ms"}
    assert timings["queue_ms"] == 1.0
    assert timings["prefill_ms"] == 2.0


async def test_every_sampling_field_reaches_the_engine(serve: Serve) -> None:
    engine = FakeEngine()
    asked: dict[str, Any] = {
        "temperature": 0.5,
        "top_k": 11,
        "top_p": 0.8,
        "min_p": 0.1,
        "repetition_penalty": 1.2,
        "presence_penalty": 0.3,
        "frequency_penalty": -0.4,
        "seed": 2**53 - 1,
        "logprobs": 2,
    }
    async with serve(engine) as client:
        await complete(client, max_tokens=5, **asked)
    (generation,) = engine.generations
    assert generation.sampling == Sampling(**asked)
    assert generation.max_tokens == 5
    assert bytes(generation.prompt) == b"The quick brown fox"
    assert generation.stop_ids == (256,)


async def test_what_is_absent_or_null_takes_the_servers_default(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine, complete_temperature=0.3, default_top_p=0.7, default_max_tokens=9) as client:
        await complete(client, seed=1, temperature=None, max_tokens=None)
    (generation,) = engine.generations
    assert generation.sampling == Sampling(temperature=0.3, top_p=0.7, repetition_penalty=1.0, seed=1)
    assert generation.max_tokens == 9


async def test_a_seed_that_is_absent_is_fresh_and_reported(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        seeds = [(await complete(client))["seed"] for _ in range(4)]
    assert len(set(seeds)) == 4
    assert [generation.sampling.seed for generation in engine.generations] == seeds


async def test_n_choices_have_seeds_that_count_up(serve: Serve) -> None:
    engine = FakeEngine(scripts=[" a", " b", " c"])
    async with serve(engine) as client:
        answer = await complete(client, n=3, seed=10)
    assert [generation.sampling.seed for generation in engine.generations] == [10, 11, 12]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert sorted(choice["text"] for choice in answer["choices"]) == [" a", " b", " c"]
    assert answer["usage"]["prompt_tokens"] == 19
    assert answer["usage"]["completion_tokens"] == 6


async def test_max_tokens_ends_with_reason_length(serve: Serve) -> None:
    async with serve() as client:
        answer = await complete(client, max_tokens=6, until="token")
    assert answer["choices"] == [{"index": 0, "text": " jumps", "finish_reason": "length", "healed": 0}]


@pytest.mark.parametrize("stop", [" over", [" dog", " over"]])
async def test_a_stop_string_ends_the_text_and_is_not_part_of_it(serve: Serve, stop: str | list[str]) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        answer = await complete(client, stop=stop)
    assert answer["choices"] == [{"index": 0, "text": " jumps", "finish_reason": "stop", "healed": 0}]
    assert answer["usage"]["completion_tokens"] == len(" jumps over")
    assert engine.running == 0


async def test_echo_begins_the_text_with_the_prompt(serve: Serve) -> None:
    async with serve() as client:
        answer = await complete(client, echo=True)
        stream = await events(client, echo=True)
    assert answer["choices"][0]["text"] == "The quick brown fox" + FOX
    assert streamed_text(stream) == "The quick brown fox" + FOX


async def test_logprobs_are_reported_for_each_token(serve: Serve) -> None:
    async with serve() as client:
        answer = await complete(client, logprobs=2, max_tokens=2, until="token")
    assert answer["choices"][0]["logprobs"] == [
        {"token": " ", "bytes": [32], "logprob": -0.5, "top": {" ": -0.5, "x": -1.5}},
        {"token": "j", "bytes": [106], "logprob": -0.5, "top": {"j": -0.5, "x": -1.5}},
    ]


async def test_streamed_logprobs_are_those_of_the_whole_answer(serve: Serve) -> None:
    async with serve() as client:
        answer = await complete(client, logprobs=1)
        stream = await events(client, logprobs=1)
    streamed = [token for event in stream for token in event["choices"][0].get("logprobs", ())]
    assert streamed == answer["choices"][0]["logprobs"]
    assert "".join(token["token"] for token in streamed) == FOX


async def test_tokens_that_nobody_reads_along_are_detokenized_together(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    detokenize = ByteTokenizer.detokenize

    def counted(self: ByteTokenizer, ids: Sequence[int]) -> bytes:
        calls.append(len(ids))
        return detokenize(self, ids)

    monkeypatch.setattr(ByteTokenizer, "detokenize", counted)
    async with serve() as client:
        await complete(client)
        assert calls == [len(FOX)]
        await events(client)
    assert calls[1:] == [1] * len(FOX)


async def test_one_choice_that_fails_fails_the_request_and_frees_the_others(serve: Serve) -> None:
    engine = FakeEngine(fail_after=20)
    async with serve(engine) as client:
        answer = await client.post("/complete", json={"prompt": "x", "n": 3})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "engine_failed")
    assert engine.running == 0


@pytest.mark.parametrize(
    ("script", "asked", "reason"),
    [
        (FOX, {"stop": " over"}, "stop"),
        (" you fuck off", {}, "content_filter"),
        (FOX, {"timeout_ms": 150}, "timeout"),
        ("", {}, "stop"),
    ],
)
async def test_usage_and_timings_are_known_however_the_text_ends(
    serve: Serve, script: str, asked: dict[str, Any], reason: str
) -> None:
    pause = 0.02 if "timeout_ms" in asked else 0
    async with serve(FakeEngine(scripts=[script], pause=pause), profanity_retries=0) as client:
        whole = await complete(client, **asked)
        *_, last = await events(client, **asked)
    for answer in (whole, last):
        assert answer["choices"][0]["finish_reason"] == reason
        assert answer["usage"]["cached_tokens"] == 2
        assert (answer["timings"]["queue_ms"], answer["timings"]["prefill_ms"]) == (1.0, 2.0)
        assert answer["timings"]["first_token_ms"] > 0
        assert (answer["timings"]["decode_ms"] > 0) == (script != "")


# Deadlines


async def test_a_deadline_with_some_text_ends_with_reason_timeout(serve: Serve) -> None:
    engine = FakeEngine(pause=0.03)
    async with serve(engine, profanity="off") as client:
        answer = await complete(client, timeout_ms=150, until="token")
        *pieces, last = await events(client, timeout_ms=150, until="token")
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "timeout"
    assert FOX.startswith(choice["text"])
    assert 0 < len(choice["text"]) < len(FOX)
    assert last["choices"][0]["finish_reason"] == "timeout"
    assert FOX.startswith(streamed_text(pieces))
    assert engine.running == 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_deadline_before_any_text_is_504(serve: Serve, stream: bool) -> None:
    engine = FakeEngine(pause=5)
    async with serve(engine) as client:
        answer = await client.post("/complete", json={"prompt": "x", "timeout_ms": 50, "stream": stream})
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "deadline_exceeded"
    assert engine.running == 0


async def test_the_servers_own_deadline_holds_without_one_in_the_request(serve: Serve) -> None:
    async with serve(FakeEngine(pause=5), request_timeout_seconds=0.05) as client:
        answer = await client.post("/complete", json={"prompt": "x"})
    assert answer.status_code == 504


async def test_a_bias_makes_bad_words_unlikely_beside_the_request_s_own(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine, profanity_bias=-8) as client:
        await complete(client)
        bias = client._transport.app.state.service.pipeline.bias  # type: ignore[attr-defined]
    assert engine.generations[0].sampling.logit_bias == bias


async def test_a_newer_request_of_a_session_ends_the_one_before(serve: Serve) -> None:
    async with serve(FakeEngine(pause=0.3)) as client:
        asked = {"prompt": "one two", "session": "window 7"}
        older = asyncio.create_task(client.post("/complete", json=asked))
        while "autocomplete_num_sequences_admitted 1.0" not in (await client.get("/metrics")).text:
            await asyncio.sleep(0.01)
        newer = await client.post("/complete", json=asked | {"max_tokens": 1})
        other = await client.post("/complete", json={"prompt": "one two", "max_tokens": 1})
    answer = await older
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "superseded")
    assert (newer.status_code, other.status_code) == (200, 200)


@pytest.mark.parametrize(("key", "status"), [("one", 409), ("two", 200)])
async def test_a_session_is_known_within_one_api_key_only(serve: Serve, key: str, status: int) -> None:
    async with serve(FakeEngine(pause=0.3), api_keys="one,two", metrics="open") as client:
        asked = {"prompt": "one two", "session": "window 7"}
        older = asyncio.create_task(
            client.post("/complete", json=asked, headers={"authorization": "Bearer one"})
        )
        while "autocomplete_num_sequences_admitted 1.0" not in (await client.get("/metrics")).text:
            await asyncio.sleep(0.01)
        newer = asked | {"max_tokens": 1}
        await client.post("/complete", json=newer, headers={"authorization": f"Bearer {key}"})
    assert (await older).status_code == status
