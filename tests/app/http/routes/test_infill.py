"""Filling in the middle: /infill in llama.cpp's shape, and `suffix` where the model has tokens for it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from app.guard.normalize import MASK
from app.model.vocabulary import Vocabulary
from tests.app.asking import FOX, complete
from tests.app.conftest import Serve
from tests.fakes import FakeEngine, infill_manifest

pytestmark = pytest.mark.anyio

BODY = {"input_prefix": "def f():\n", "prompt": "  return", "input_suffix": "\n\nf()\n"}
PIECES = Vocabulary.of([*(bytes([number]) for number in range(256)), b""])
CONTEXT = b"\x05myproject\n\x06filename\n"
FILLS: dict[str, Any] = {"manifest": infill_manifest(), "default_max_tokens": 32}


async def infill(client: httpx.AsyncClient, **body: Any) -> Any:
    answer = await client.post("/infill", json=BODY | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def asked(serve: Serve, **body: Any) -> Any:
    """What the engine is asked for."""
    engine = FakeEngine()
    async with serve(engine, **FILLS) as client:
        await infill(client, **body)
    return engine.generations[0]


async def test_the_middle_is_asked_for_as_llama_cpp_asks(serve: Serve) -> None:
    generation = await asked(serve, n_predict=5)
    assert bytes(generation.prompt) == CONTEXT + b"\x01def f():\n  return\x02\n\nf()\n\x03"
    assert (generation.max_tokens, generation.typed, generation.sampling.temperature) == (5, b"", 0.0)
    assert generation.stop_ids == (256, 4, 5, 6)


async def test_snippets_stand_before_the_text(serve: Serve) -> None:
    extra = [{"text": "X = 1\n", "filename": "x.py", "time": [1, 2]}, {"text": "Y = 2\n"}]
    generation = await asked(serve, input_extra=extra)
    context = b"\x05myproject\n\x06x.py\nX = 1\n\x06tmp\nY = 2\n\x06filename\n"
    assert bytes(generation.prompt).startswith(context + b"\x01def f()")


async def test_the_answer_has_the_fields_of_llama_cpps_server(serve: Serve) -> None:
    async with serve(**FILLS) as client:
        answer = await infill(client, n_predict=100, seed=7)
    timings, settings = answer.pop("timings"), answer.pop("generation_settings")
    prompt = len(CONTEXT) + 1 + 17 + 1 + 6 + 1
    assert answer == {
        "index": 0,
        "content": FOX,
        "stop": True,
        "model": "tiny",
        "tokens_predicted": len(FOX),
        "tokens_evaluated": prompt,
        "tokens_cached": prompt + len(FOX),
        "truncated": False,
        "stop_type": "eos",
    }
    assert settings == {"n_ctx": 256, "temperature": 0.0, "top_k": 0, "top_p": 0.95, "min_p": 0.0, "seed": 7}
    assert (timings["cache_n"], timings["prompt_n"]) == (2, prompt - 2)
    assert (timings["predicted_n"], set(timings)) == (
        len(FOX),
        {
            *("cache_n", "prompt_n", "prompt_ms", "prompt_per_token_ms", "prompt_per_second"),
            *("predicted_n", "predicted_ms", "predicted_per_token_ms", "predicted_per_second"),
        },
    )


async def test_a_limit_is_told_from_an_end(serve: Serve) -> None:
    async with serve(**FILLS) as client:
        short = await infill(client, n_predict=6)
        stopped = await infill(client, stop=[" lazy"])
    assert (short["content"], short["stop_type"]) == (" jumps", "limit")
    assert (stopped["content"], stopped["stop_type"]) == (" jumps over the", "eos")


async def test_a_text_ends_at_a_line_as_the_editor_asks(serve: Serve) -> None:
    engine = FakeEngine(scripts=[" 1\n  # two\nf()\n"])
    async with serve(engine, **FILLS) as client:
        answer = await infill(client, n_indent=2)
        late = await infill(client, t_max_predict_ms=60_000)
    assert (answer["content"], answer["stop_type"]) == (" 1\n  # two", "limit")
    assert late["content"] == " 1\n  # two\nf()\n"
    assert [generation.stream_interval for generation in engine.generations] == [1, 1]


async def test_the_typed_piece_is_written_anew(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine, vocabulary=PIECES, **FILLS) as client:
        answer = await infill(client)
        await infill(client, token_healing=False)
    healed, plain = engine.generations
    assert (healed.typed, bytes(healed.prompt)) == (
        b"n",
        CONTEXT + b"\x01def f():\n  retur\x02\n\nf()\n\x03",
    )
    assert (plain.typed, b"  return\x02" in bytes(plain.prompt)) == (b"", True)
    assert answer["content"] == FOX


async def test_without_tokens_to_predict_the_prompt_is_computed(serve: Serve) -> None:
    async with serve(**FILLS) as client:
        answer = await infill(client, n_predict=0, response_fields=[""])
        counted = await infill(client, n_predict=0)
    assert answer == {}
    assert counted["content"] == ""


async def test_as_many_tokens_as_fit(serve: Serve) -> None:
    generation = await asked(serve, n_predict=-1)
    assert len(generation.prompt) + generation.max_tokens == 256


async def test_fields_are_chosen_by_their_paths(serve: Serve) -> None:
    async with serve(**FILLS) as client:
        answer = await infill(client, response_fields=["content", "timings/predicted_n", "timings/none", ""])
    assert answer == {"content": FOX, "timings/predicted_n": len(FOX)}


async def test_several_completions_are_a_list(serve: Serve) -> None:
    engine = FakeEngine(scripts=[" one", " two"])
    async with serve(engine, **FILLS) as client:
        several = await infill(client, n_cmpl=2, temperature=0.5)
        greedy = await infill(client, n_cmpl=3)
    assert [(answer["index"], answer["content"]) for answer in several] == [(0, " one"), (1, " two")]
    assert greedy["content"] == " two"


async def test_a_stream_ends_with_its_answer(serve: Serve) -> None:
    async with serve(**FILLS, profanity="off") as client:
        answer = await client.post("/infill", json=BODY | {"stream": True})
    events = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith("data: ")]
    assert "".join(event["content"] for event in events) == FOX
    assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
    assert events[-1]["tokens_predicted"] == len(FOX)


async def test_fields_without_effect_are_named(serve: Serve) -> None:
    ignored = {"samplers": ["top_k", "infill"], "cache_prompt": True, "id_slot": 0, "t_max_prompt_ms": 500}
    async with serve(**FILLS) as client:
        answer = await client.post("/infill", json=BODY | ignored | {"model": "any"})
    assert answer.headers["x-warning"] == ("without effect: cache_prompt, id_slot, samplers, t_max_prompt_ms")


@pytest.mark.parametrize(
    "body",
    [
        {"input_prefix": "what the fuck "},
        {"prompt": "what the fuck "},
        {"input_suffix": " what the fuck"},
        {"input_extra": [{"text": "what the fuck"}]},
        {"input_extra": [{"text": "x", "filename": "fuck.py"}]},
    ],
)
async def test_each_text_is_guarded(serve: Serve, body: dict[str, Any]) -> None:
    async with serve(**FILLS) as client:
        answer = await client.post("/infill", json=BODY | body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "content_filter")


async def test_each_text_is_masked(serve: Serve) -> None:
    engine = FakeEngine()
    extra = [{"text": "a shit\n", "filename": "shit.py"}]
    async with serve(engine, profanity="mask", **FILLS | {"default_max_tokens": 8}) as client:
        await infill(client, input_prefix="fuck\n", prompt="ok", input_suffix="shit\n", input_extra=extra)
    masked = MASK * 4
    assert bytes(engine.generations[0].prompt).decode() == (
        f"\x05myproject\n\x06{masked}.py\na {masked}\n\x06filename\n\x01{masked}\nok\x02{masked}\n\x03"
    )


async def test_long_texts_share_the_window(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine, window_share=0.25, **FILLS) as client:
        answer = await client.post(
            "/infill",
            json={
                "input_prefix": "a" * 100,
                "prompt": "bbbb",
                "input_suffix": "c" * 100,
                "input_extra": [{"text": "d" * 300}],
            },
        )
    prompt = bytes(engine.generations[0].prompt)
    context = (CONTEXT[:11] + b"\x06tmp\n" + b"d" * 300 + CONTEXT[11:])[-(256 - 64 - 2 * 32) :]
    assert prompt == context + b"\x01" + b"a" * 48 + b"bbbb" + b"\x02" + b"c" * 10 + b"\x03"
    assert answer.json()["truncated"] is True
    assert int(answer.headers["x-prompt-truncated"]) == 52 + 90 + (len(CONTEXT) + 305 - len(context))


async def test_a_model_without_the_tokens_says_what_to_serve(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.post("/infill", json=BODY)
    assert answer.status_code == 422
    assert "Qwen2.5-Coder" in answer.json()["error"]["message"]


async def test_a_model_that_was_not_trained_with_them_may_be_kept_from_it(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine, fill_in=False, **FILLS) as client:
        answer = await client.post("/infill", json=BODY)
        await complete(client, prompt="a =", suffix=" lazy")
    assert answer.status_code == 422
    assert bytes(engine.generations[0].prompt) == b"a ="


async def test_what_a_plugin_sizes_its_requests_by(serve: Serve) -> None:
    async with serve(**FILLS) as client:
        props, model = (await client.get("/props")).json(), (await client.get("/model")).json()
    assert props == {
        "default_generation_settings": {"n_ctx": 256}, "total_slots": 2, "model_alias": "tiny",
    }  # fmt: skip
    assert model["fills"] is True


async def test_complete_fills_in_before_a_suffix(serve: Serve) -> None:
    engine = FakeEngine(scripts=[" (b, c) = d"])
    async with serve(engine, **FILLS) as client:
        answer = await complete(client, prompt="a =", suffix=") + 1", until="token")
        blank = await complete(client, prompt="a =", suffix=" \n", until="token")
    assert bytes(engine.generations[0].prompt) == b"\x01a =\x02) + 1\x03"
    assert answer["choices"][0]["text"] == " (b, c) = d"
    assert bytes(engine.generations[1].prompt) == b"a ="
    assert blank["choices"][0]["text"] == " (b, c) = d"


async def test_a_suffix_is_guarded_where_the_model_reads_it(serve: Serve) -> None:
    body = {"prompt": "a =", "suffix": "what the fuck"}
    async with serve(**FILLS) as client:
        read = await client.post("/complete", json=body)
    async with serve() as client:
        unread = await client.post("/complete", json=body)
    assert (read.status_code, unread.status_code) == (400, 200)


async def test_a_completion_of_openais_fills_in_too(serve: Serve) -> None:
    engine = FakeEngine()
    body = {"model": "any", "suffix": " end", "echo": True}
    async with serve(engine, **FILLS) as client:
        answer = await client.post("/v1/completions", json=body | {"prompt": "start"})
        await client.post("/v1/completions", json=body | {"prompt": list(b"ids")})
    assert [bytes(generation.prompt) for generation in engine.generations] == [
        b"\x01start\x02 end\x03",
        b"\x01ids\x02 end\x03",
    ]
    assert answer.json()["choices"][0]["text"] == "start" + FOX


async def test_else_a_completion_of_openais_ends_where_it_runs_into_the_suffix(serve: Serve) -> None:
    body = {"model": "any", "prompt": "The quick brown fox", "suffix": " lazy cat"}
    async with serve() as client:
        answer = (await client.post("/v1/completions", json=body)).json()
    assert answer["choices"][0]["text"] == " jumps over the"


async def test_a_scored_prompt_has_no_suffix(serve: Serve) -> None:
    body = {"model": "any", "prompt": "x", "suffix": "y", "echo": True, "logprobs": 1}
    async with serve() as client:
        answer = await client.post("/v1/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "suffix")


async def test_a_prompt_that_may_not_be_cut_is_refused_whole(serve: Serve) -> None:
    body = {"prompt": "a" * 90, "suffix": "b" * 60, "truncation": "error", "max_tokens": 8}
    async with serve(**FILLS) as client:
        answer = await client.post("/complete", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "prompt")
