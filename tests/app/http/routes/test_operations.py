"""Routes for operators, and the text routes: BEHAVIOUR.md sections 1 and 5."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.completion import service
from app.engine.messages import Stats
from app.errors import ModelRefusedError
from app.guard.guard import Guard
from tests.app.conftest import Serve
from tests.fakes import FakeEngine, tiny_manifest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("state", "alive", "ready"), [("ready", 200, 200), ("loading", 200, 503), ("dead", 503, 503)]
)
async def test_alive_unless_the_engine_is_dead_and_ready_once_it_has_completed(
    serve: Serve, state: Any, alive: int, ready: int
) -> None:
    async with serve(FakeEngine(state=state)) as client:
        livez, readyz = await client.get("/livez"), await client.get("/readyz")
        health = await client.get("/health")
    assert (livez.status_code, readyz.status_code) == (alive, ready)
    assert health.status_code == alive
    if ready == 503:
        assert readyz.json()["error"]["message"] == f"the engine is {state}"
        assert readyz.headers["retry-after"] == "1"


async def test_the_probes_say_what_is_wrong_with_the_engine(serve: Serve) -> None:
    trouble = "no process can be started: Too many open files"
    async with serve(FakeEngine(state="dead", trouble=trouble)) as client:
        answers = [await client.get("/livez"), await client.get("/readyz")]
    assert [(answer.status_code, answer.json()["error"]["message"]) for answer in answers] == [
        (503, f"the engine is dead: {trouble}")
    ] * 2


async def test_an_engine_that_only_fails_is_alive_but_not_ready_and_still_asked(serve: Serve) -> None:
    async with serve(FakeEngine(trouble="every generation fails")) as client:
        livez, readyz = await client.get("/livez"), await client.get("/readyz")
        metrics = (await client.get("/metrics")).text
        complete = await client.post("/complete", json={"prompt": "x"})
    assert (livez.status_code, readyz.status_code, complete.status_code) == (200, 503, 200)
    assert readyz.json()["error"]["message"] == "the engine is of no use: every generation fails"
    assert "autocomplete_ready 0.0" in metrics


async def test_while_the_model_loads_requests_are_told_to_wait(serve: Serve) -> None:
    loaded = asyncio.Event()

    class Loading(FakeEngine):
        async def start(self) -> None:
            await loaded.wait()
            self.state = "ready"

    async with serve(Loading(state="loading")) as client:
        before = await client.post("/complete", json={"prompt": "x"})
        loaded.set()
        await asyncio.sleep(0.01)
        after = await client.post("/complete", json={"prompt": "x"})
    assert (before.status_code, after.status_code) == (503, 200)


async def test_an_engine_that_refuses_the_model_is_logged_in_one_line(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    class Refusing(FakeEngine):
        async def start(self) -> None:
            self.state = "dead"
            raise ModelRefusedError("tiny.tflite: built for the other runtime")

    async with serve(Refusing()):
        await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records if record.name == "app.completion.service"] == [
        "tiny.tflite: built for the other runtime"
    ]


async def test_model_says_what_is_served_and_what_may_be_asked(serve: Serve) -> None:
    async with serve() as client:
        answer = (await client.get("/model")).json()
    manifest = tiny_manifest()
    for name in (
        "id",
        "sha256",
        "bytes",
        "source",
        "licence",
        "quantization",
        "sequence_length",
        "vocabulary_size",
    ):
        assert answer[name] == getattr(manifest, name)
    assert answer["default_window"] == 128
    assert answer["runtime"] == {"name": "fake", "version": "1.0"}
    assert answer["custom_ops"] == ["TFText>ByteSplit"]
    assert answer["signatures"].keys() == {"serving_default"}
    assert answer["guard_version"]
    assert answer["chat"] is True
    assert answer["heals"] is False
    assert answer["defaults"] == {
        "max_tokens": 64,
        "temperature": 0.4,
        "top_p": 0.95,
        "repetition_penalty": 1.1,
    }
    assert answer["limits"] == {
        "body_bytes": 65_536,
        "prompt_characters": 8192,
        "sequence_tokens": 256,
        "window_tokens": 255,
        "default_window": 128,
        "max_tokens": 255,
        "choices": 8,
        "stop_characters": 64,
        "logprobs": 5,
        "timeout_ms": 60_000,
        "token_id": 256,
        "alternatives": 5,
    }


# Text


async def test_tokenize_says_ids_count_and_what_the_window_would_keep(serve: Serve) -> None:
    async with serve() as client:
        answer = (await client.post("/tokenize", json={"text": "héllo"})).json()
        cut = (await client.post("/tokenize", json={"text": "0123456789", "context_window": 4})).json()
    assert answer["ids"] == list("héllo".encode())
    assert answer["count"] == 6
    assert answer["window"] == {"limit": 128, "dropped_tokens": 0, "truncated": False}
    assert cut["window"] == {"limit": 4, "dropped_tokens": 6, "truncated": True}


async def test_texts_without_characters_have_no_tokens_and_no_words(serve: Serve) -> None:
    async with serve() as client:
        tokens = await client.post("/tokenize", json={"text": ""})
        text = await client.post("/detokenize", json={"ids": []})
        found = await client.post("/moderate", json={"text": ""})
    assert (tokens.status_code, tokens.json()["ids"], tokens.json()["count"]) == (200, [], 0)
    assert (text.status_code, text.json()) == (200, {"text": ""})
    assert (found.status_code, found.json()["flagged"]) == (200, False)


async def test_detokenize_is_the_way_back(serve: Serve) -> None:
    async with serve() as client:
        text = await client.post("/detokenize", json={"ids": list("日本".encode())})
        cut = await client.post("/detokenize", json={"ids": list("日本".encode())[:4]})
        unknown = await client.post("/detokenize", json={"ids": [257]})
        many = await client.post("/detokenize", json={"ids": [1] * 8193})
    assert text.json() == {"text": "日本"}
    assert cut.json() == {"text": "日\ufffd"}
    assert (unknown.status_code, unknown.json()["error"]["field"]) == (422, "ids")
    assert (many.status_code, many.json()["error"]["field"]) == (422, "ids")


async def test_moderate_says_where_and_what_but_never_the_word(serve: Serve) -> None:
    async with serve(profanity="off") as client:
        flagged = await client.post("/moderate", json={"text": "what the fuck is"})
        clean = await client.post("/moderate", json={"text": "the pen is mine"})
    assert flagged.json()["flagged"] is True
    (span,) = flagged.json()["spans"]
    assert (span["start"], span["end"]) == (9, 13)
    assert flagged.json()["categories"] == [span["category"]]
    assert "fuck" not in flagged.text
    assert clean.json() == {"flagged": False, "spans": [], "categories": []}


@pytest.mark.usefixtures("few_words")
async def test_the_guards_lists_are_read_again_while_serving(serve: Serve, tmp_path: Path) -> None:
    deny = tmp_path / "deny.txt"
    deny.write_text("zorblax\n")
    async with serve(read_guard=None, profanity_deny=deny) as client:
        answer = await client.post("/moderate", json={"text": "a zorblax"})
    assert answer.json()["flagged"] is True


# Metrics

SERIES = [
    "requests_total",
    "request_duration_seconds_bucket",
    "num_requests_running",
    "num_requests_waiting",
    "num_sequences_admitted",
    "slots",
    "slots_busy",
    "request_queue_time_seconds_bucket",
    "time_to_first_token_seconds_bucket",
    "inter_token_latency_seconds_bucket",
    "request_prefill_time_seconds_bucket",
    "request_decode_time_seconds_bucket",
    "request_prompt_tokens_bucket",
    "request_generation_tokens_bucket",
    "batch_size_bucket",
    "prompt_tokens_total",
    "generation_tokens_total",
    "decode_tokens_total",
    "prefix_cache_hit_tokens_total",
    "truncated_total",
    "cancelled_total",
    "guard_retries_total",
    "engine_restarts_total",
    "guard_info",
    "model_info",
    "ready",
]


async def test_every_series_of_the_contract_is_there(serve: Serve) -> None:
    async with serve() as client:
        await client.post("/complete", json={"prompt": "x" * 200})
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    names = {line.partition("{")[0].partition(" ")[0] for line in answer.text.splitlines()}
    assert {f"autocomplete_{name}" for name in SERIES} <= names


async def test_a_completion_is_counted(serve: Serve) -> None:
    async with serve() as client:
        await client.post("/complete", json={"prompt": "x" * 200})
        metrics = (await client.get("/metrics")).text
    for line in (
        "autocomplete_prompt_tokens_total 104.0",
        "autocomplete_generation_tokens_total 25.0",
        "autocomplete_truncated_total 1.0",
        'autocomplete_finished_total{reason="stop"} 1.0',
        "autocomplete_time_to_first_token_seconds_count 1.0",
        "autocomplete_inter_token_latency_seconds_count 24.0",
        "autocomplete_request_prefill_time_seconds_sum 0.002",
        "autocomplete_ready 1.0",
        "autocomplete_slots 2.0",
        'autocomplete_model_info{id="tiny",quantization="none",runtime="fake",runtime_version="1.0",sha256="'
        + "ab" * 32
        + '"} 1.0',
    ):
        assert line in metrics


async def test_only_requests_for_completions_count_as_running(serve: Serve) -> None:
    async with serve(FakeEngine(pause=0.01)) as client:
        idle = (await client.get("/metrics")).text
        asked = asyncio.create_task(client.post("/complete", json={"prompt": "x", "n": 2}))
        await asyncio.sleep(0.05)
        busy = (await client.get("/metrics")).text
        await asked
        after = (await client.get("/metrics")).text
    assert "autocomplete_num_requests_running 0.0" in idle
    assert "autocomplete_num_requests_running 1.0" in busy
    assert "autocomplete_num_requests_running 0.0" in after


async def test_a_look_at_the_lists_that_fails_is_not_the_last_one(
    serve: Serve, guard: Guard, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "WATCH_SECONDS", 0.001)
    looks = 0

    def read_guard() -> Guard:
        nonlocal looks
        looks += 1
        if looks == 2:  # the first is the composition's
            raise OSError(24, "Too many open files")
        return guard

    async with serve(read_guard=read_guard):
        async with asyncio.timeout(10):
            while looks < 4:
                await asyncio.sleep(0.001)
    assert "metrics and guard are not up to date: [Errno 24] Too many open files" in caplog.messages


async def test_restarts_of_the_engine_are_counted(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine) as client:
        before = (await client.get("/metrics")).text
        engine.restarts = 3
        after = (await client.get("/metrics")).text
    assert "autocomplete_engine_restarts_total 0.0" in before
    assert "autocomplete_engine_restarts_total 3.0" in after


async def test_the_engines_counters_are_added_up_over_its_restarts(serve: Serve) -> None:
    engine = FakeEngine(
        stats=Stats(decode_steps=10, decode_rows=30, cached_tokens=5, slots_busy=2, waiting=1)
    )
    async with serve(engine) as client:
        first = (await client.get("/metrics")).text
        engine.stats = Stats(decode_steps=4, decode_rows=4, cached_tokens=3)
        second = (await client.get("/metrics")).text
    assert "autocomplete_prefix_cache_hit_tokens_total 5.0" in first
    assert "autocomplete_slots_busy 2.0" in first
    assert "autocomplete_num_requests_waiting 1.0" in first
    assert "autocomplete_batch_size_sum 3.0" in first
    assert "autocomplete_decode_tokens_total 30.0" in first
    assert "autocomplete_decode_tokens_total 34.0" in second
    assert "autocomplete_prefix_cache_hit_tokens_total 8.0" in second
    assert "autocomplete_batch_size_sum 4.0" in second
