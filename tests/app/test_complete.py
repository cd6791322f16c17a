"""What `/complete` promises: BEHAVIOUR.md sections 1 and 3, over the scripted engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.engine.messages import Sampling
from tests.app.conftest import Serve
from tests.fakes import ByteTokenizer, FakeEngine

pytestmark = pytest.mark.anyio

FOX = " jumps over the lazy dog."


async def complete(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/complete", json={"prompt": "The quick brown fox"} | body)
    assert answer.status_code == 200, answer.text
    parsed: dict[str, Any] = answer.json()
    return parsed


async def events(client: httpx.AsyncClient, **body: Any) -> list[dict[str, Any]]:
    answer = await client.post("/complete", json={"prompt": "The quick brown fox", "stream": True} | body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    *data, done = [
        line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: ")
    ]
    assert done == "[DONE]"
    return [json.loads(event) for event in data]


def streamed_text(stream: list[dict[str, Any]], index: int = 0) -> str:
    choices = [choice for event in stream for choice in event.get("choices", ())]
    return "".join(choice["text"] for choice in choices if choice["index"] == index)


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
        "choices": [{"index": 0, "text": FOX, "finish_reason": "stop"}],
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
    async with serve(engine, default_temperature=0.3, default_top_p=0.7, default_max_tokens=9) as client:
        await complete(client, seed=1, temperature=None, max_tokens=None)
    (generation,) = engine.generations
    assert generation.sampling == Sampling(temperature=0.3, top_p=0.7, repetition_penalty=1.1, seed=1)
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
        answer = await complete(client, max_tokens=6)
    assert answer["choices"] == [{"index": 0, "text": " jumps", "finish_reason": "length"}]


@pytest.mark.parametrize("stop", [" over", [" dog", " over"]])
async def test_a_stop_string_ends_the_text_and_is_not_part_of_it(serve: Serve, stop: str | list[str]) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        answer = await complete(client, stop=stop)
    assert answer["choices"] == [{"index": 0, "text": " jumps", "finish_reason": "stop"}]
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
        answer = await complete(client, logprobs=2, max_tokens=2)
    assert answer["choices"][0]["logprobs"] == [
        {"token": " ", "logprob": -0.5, "top": {" ": -0.5, "x": -1.5}},
        {"token": "j", "logprob": -0.5, "top": {"j": -0.5, "x": -1.5}},
    ]


async def test_streamed_logprobs_are_those_of_the_whole_answer(serve: Serve) -> None:
    async with serve() as client:
        answer = await complete(client, logprobs=1)
        stream = await events(client, logprobs=1)
    streamed = [token for event in stream for token in event["choices"][0].get("logprobs", ())]
    assert streamed == answer["choices"][0]["logprobs"]
    assert "".join(token["token"] for token in streamed) == FOX


# The stream


async def test_a_stream_is_pieces_then_a_last_event_then_done(serve: Serve) -> None:
    async with serve() as client:
        *pieces, last = await events(client, seed=7)
        whole = await complete(client, seed=7)
    assert all(piece.keys() == {"id", "choices"} for piece in pieces)
    assert all(piece["choices"][0]["finish_reason"] is None for piece in pieces)
    assert streamed_text(pieces) == whole["choices"][0]["text"]
    assert last["choices"] == [{"index": 0, "text": "", "finish_reason": "stop"}]
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


async def test_a_character_of_several_tokens_is_never_cut(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=["naïve 日本 👍🏽"]), profanity="off") as client:
        stream = await events(client)
        cut = await complete(client, max_tokens=3)
    assert streamed_text(stream) == "naïve 日本 👍🏽"
    assert not any("\ufffd" in event["choices"][0]["text"] for event in stream)
    assert cut["choices"][0]["text"] == "na\ufffd"


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
    assert streamed_text(pieces) == " jumps ov"
    assert last["error"]["code"] == "engine_failed"
    assert last["error"].keys() == {"code", "message", "request_id"}


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


# The window


async def test_a_long_prompt_keeps_its_newest_tokens_and_says_so(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        answer = await complete(client, prompt="0123456789" * 20, max_tokens=5)
    assert answer["window"] == {"limit": 128, "dropped_tokens": 72, "truncated": True}
    assert bytes(engine.generations[0].prompt).decode() == ("0123456789" * 20)[-128:]
    assert answer["usage"]["prompt_tokens"] == 128


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


# The guard


async def test_a_rejected_prompt_is_400_and_the_word_is_not_named(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        answer = await client.post("/complete", json={"prompt": "what the fuck"})
        metrics = await client.get("/metrics")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "content_filter"
    assert "fuck" not in answer.text + str(answer.headers) + metrics.text
    assert engine.generations == []
    assert 'autocomplete_guard_hits_total{action="reject",stage="prompt"} 1.0' in metrics.text


async def test_the_part_of_the_prompt_that_the_window_drops_is_checked(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post("/complete", json={"prompt": "fuck " + "fine " * 60, "context_window": 8})
    assert answer.status_code == 400


async def test_a_masked_prompt_is_what_the_model_sees(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine, profanity="mask") as client:
        answer = await complete(client, prompt="what the fuck is", echo=True)
    assert bytes(engine.generations[0].prompt).decode() == "what the ████ is"
    assert answer["choices"][0]["text"] == "what the ████ is" + FOX
    assert answer["guard"] == {"policy": "mask", "attempts": 1}


async def test_a_request_may_be_stricter_than_the_server(serve: Serve) -> None:
    async with serve(profanity="mask") as client:
        answer = await client.post("/complete", json={"prompt": "what the fuck", "profanity": "reject"})
    assert answer.status_code == 400


async def test_a_request_is_never_laxer_than_the_server(serve: Serve) -> None:
    async with serve(profanity="reject") as client:
        answer = await client.post("/complete", json={"prompt": "what the fuck", "profanity": "mask"})
    assert answer.status_code == 400


async def test_a_rejected_completion_is_tried_again_with_a_fresh_seed(serve: Serve) -> None:
    engine = FakeEngine(scripts=[" you fuck off", " fine"])
    async with serve(engine) as client:
        answer = await complete(client, seed=5, temperature=0)
    assert answer["choices"] == [{"index": 0, "text": " fine", "finish_reason": "stop"}]
    assert answer["guard"] == {"policy": "reject", "attempts": 2}
    first, second = (generation.sampling for generation in engine.generations)
    assert (first.seed, first.temperature) == (5, 0)
    assert second.seed != 5
    assert second.temperature == 0.8


async def test_after_the_retries_the_text_is_withheld(serve: Serve) -> None:
    engine = FakeEngine(scripts=[" you fuck off"])
    async with serve(engine, profanity_retries=2) as client:
        answer = await complete(client, echo=True, logprobs=1)
        metrics = (await client.get("/metrics")).text
    assert answer["choices"] == [{"index": 0, "text": "", "finish_reason": "content_filter", "logprobs": []}]
    assert answer["guard"]["attempts"] == 3
    assert len(engine.generations) == 3
    assert "autocomplete_guard_retries_total 2.0" in metrics
    assert 'autocomplete_guard_hits_total{action="reject",stage="completion"} 1.0' in metrics


async def test_a_masked_completion_keeps_its_length(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=[" you fuck off"]), profanity="mask") as client:
        answer = await complete(client)
        stream = await events(client)
    assert answer["choices"][0]["text"] == " you ████ off"
    assert streamed_text(stream) == " you ████ off"


async def test_a_masked_token_shows_neither_itself_nor_its_alternatives(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=[" fuck x"]), profanity="mask") as client:
        answer = await complete(client, logprobs=2)
    tokens = answer["choices"][0]["logprobs"]
    assert [token["token"] for token in tokens] == [" ", "█", "█", "█", "█", " ", "x"]
    assert [token["top"] for token in tokens[1:5]] == [{}] * 4


async def test_the_seam_between_prompt_and_completion_is_checked(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=["ck off", " fine"])) as client:
        answer = await complete(client, prompt="what the fu")
    assert answer["choices"][0]["text"] == " fine"
    assert answer["guard"]["attempts"] == 2


async def test_a_rejected_stream_ends_before_the_word(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=[" you fuck off"])) as client:
        *pieces, last = await events(client)
    assert streamed_text(pieces) == " you "
    assert last["choices"] == [{"index": 0, "text": "", "finish_reason": "content_filter"}]


async def test_a_stream_that_has_shown_nothing_is_tried_again(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=["fuck off", " fine"])) as client:
        *pieces, last = await events(client)
    assert streamed_text(pieces) == " fine"
    assert last["guard"]["attempts"] == 2


async def test_with_the_guard_off_a_request_may_turn_it_on(serve: Serve) -> None:
    async with serve(FakeEngine(scripts=[" fuck"]), profanity="off") as client:
        off = await complete(client)
        on = await complete(client, profanity="mask")
    assert off["choices"][0]["text"] == " fuck"
    assert off["guard"]["policy"] == "off"
    assert on["choices"][0]["text"] == " ████"


# Deadlines


async def test_a_deadline_with_some_text_ends_with_reason_timeout(serve: Serve) -> None:
    engine = FakeEngine(pause=0.03)
    async with serve(engine, profanity="off") as client:
        answer = await complete(client, timeout_ms=150)
        *pieces, last = await events(client, timeout_ms=150)
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
