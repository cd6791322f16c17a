"""The OpenAI routes, asked by the clients that people have: the openai SDK, LangChain and `llm`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI
from langchain_openai import OpenAI as LangChainOpenAI
from openai import AsyncOpenAI, OpenAI
from pydantic import SecretStr

from tests.fakes import FakeEngine

pytestmark = pytest.mark.anyio

Listen = Callable[..., str]
FOX = " jumps over the lazy dog."


def client_of(url: str, key: str = "none", max_retries: int = 0) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=max_retries)


@pytest.fixture
def client(listen: Listen) -> Iterator[OpenAI]:
    with client_of(listen()) as client:
        yield client


def wait_until_running(engine: FakeEngine) -> None:
    while not engine.running:
        time.sleep(0.01)


def hello(content: str = "hello") -> Any:
    return [{"role": "user", "content": content}]


# /v1/models


def test_the_model_is_listed_and_found_by_its_name(client: OpenAI) -> None:
    assert [(model.id, model.owned_by) for model in client.models.list()] == [("tiny", "local")]
    assert client.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other/model")


# /v1/completions


def test_a_completion(client: OpenAI) -> None:
    answer = client.completions.create(model="any", prompt="The quick brown fox", seed=1)
    assert answer.object == "text_completion"
    assert answer.model == "tiny"
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (FOX, "stop")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        19,
        25,
        44,
    )
    assert answer.system_fingerprint == "fp_abababababab"


def test_several_prompts_and_choices_are_numbered_through(listen: Listen) -> None:
    engine = FakeEngine(scripts=[" a", " b", " c", " d"])
    with client_of(listen(engine)) as client:
        answer = client.completions.create(model="any", prompt=["one", "two"], n=2, echo=True)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [choice.text[:3] for choice in answer.choices] == ["one", "one", "two", "two"]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 6


def test_a_streamed_completion_is_the_whole_one(client: OpenAI) -> None:
    stream = client.completions.create(
        model="any", prompt=["x", "y"], stream=True, stream_options={"include_usage": True}
    )
    *chunks, usage = list(stream)
    texts = ["", ""]
    for chunk in chunks:
        texts[chunk.choices[0].index] += chunk.choices[0].text
    assert texts == [FOX, FOX]
    assert [chunk.choices[0].finish_reason for chunk in chunks].count("stop") == 2
    assert usage.choices == []
    assert usage.usage is not None
    assert usage.usage.completion_tokens == 50


def test_completion_logprobs_are_parallel_lists(client: OpenAI) -> None:
    choice = client.completions.create(model="any", prompt="x", logprobs=2, max_tokens=2).choices[0]
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == [" ", "j"]
    assert choice.logprobs.token_logprobs == [-0.5, -0.5]
    assert choice.logprobs.top_logprobs == [{" ": -0.5, "x": -1.5}, {"j": -0.5, "x": -1.5}]
    assert choice.logprobs.text_offset == [0, 1]


@pytest.mark.parametrize("stream", [False, True])
def test_completion_logprobs_count_their_offsets_from_the_echoed_prompt(client: OpenAI, stream: bool) -> None:
    asked: Any = {"model": "any", "prompt": "fox", "logprobs": 0, "max_tokens": 3, "echo": True}
    answers = (
        client.completions.create(**asked, stream=True) if stream else [client.completions.create(**asked)]
    )
    choices = [answer.choices[0] for answer in answers]
    offsets = [
        offset for choice in choices if choice.logprobs for offset in choice.logprobs.text_offset or ()
    ]
    assert "".join(choice.text for choice in choices) == "fox ju"
    assert offsets == [3, 4, 5]


def test_sampling_reaches_the_engine(listen: Listen) -> None:
    engine = FakeEngine()
    with client_of(listen(engine)) as client:
        client.completions.create(
            model="any",
            prompt="x",
            temperature=0.3,
            top_p=0,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            logit_bias={"65": -100},
            seed=-1,
            stop=["."],
            extra_body={"top_k": 7, "min_p": 0.05, "repetition_penalty": 1.3},
        )
    sampling = engine.generations[0].sampling
    assert (sampling.temperature, sampling.top_k, sampling.min_p) == (0.3, 7, 0.05)
    assert 0 < sampling.top_p < 0.001
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (0.1, 0.2)
    assert sampling.repetition_penalty == 1.3
    assert sampling.logit_bias == ((65, -100.0),)
    assert sampling.seed == 2**63 - 1


def test_a_timeout_is_a_length_in_openais_words(listen: Listen) -> None:
    with client_of(listen(FakeEngine(pause=0.05), request_timeout_seconds=0.3, profanity="off")) as client:
        answer = client.completions.create(model="any", prompt="x")
    assert answer.choices[0].finish_reason == "length"
    assert FOX.startswith(answer.choices[0].text)


# /v1/chat/completions


def test_a_chat_completion(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="any", messages=hello(), temperature=0)
    assert answer.object == "chat.completion"
    assert (answer.choices[0].message.role, answer.choices[0].message.content) == ("assistant", FOX)
    assert answer.choices[0].finish_reason == "stop"


def test_a_conversation_is_rendered_by_the_models_template(listen: Listen) -> None:
    engine = FakeEngine()
    messages: Any = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]},
    ]
    with client_of(listen(engine)) as client:
        client.chat.completions.create(model="any", messages=messages)
    (generation,) = engine.generations
    assert bytes(generation.prompt).decode() == "system: be brief\nuser: hello\nassistant:"
    assert generation.max_tokens == 256 - len(generation.prompt)


def test_a_chat_without_max_tokens_takes_what_the_servers_limit_and_the_length_leave(listen: Listen) -> None:
    engine = FakeEngine()
    with client_of(listen(engine, max_tokens=7)) as client:
        client.chat.completions.create(model="any", messages=hello())
        client.chat.completions.create(model="any", messages=hello(), max_tokens=5)
    assert [generation.max_tokens for generation in engine.generations] == [7, 5]


def test_a_streamed_chat_is_the_whole_one(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="any", messages=hello(), stream=True, n=2)
    chunks = list(stream)
    texts = ["", ""]
    for chunk in chunks:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == [FOX, FOX]
    assert [chunk.choices[0].delta.role for chunk in chunks].count("assistant") == 2
    assert "role" not in chunks[2].choices[0].delta.model_fields_set
    assert [chunk.choices[0].finish_reason for chunk in chunks].count("stop") == 2


def test_chat_logprobs(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="any", messages=hello(), logprobs=True, top_logprobs=2, max_completion_tokens=1
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    (token,) = logprobs.content
    assert (token.token, token.logprob, token.bytes) == (" ", -0.5, [32])
    assert [(top.token, top.logprob) for top in token.top_logprobs] == [(" ", -0.5), ("x", -1.5)]


def test_without_a_chat_template_chat_is_404(listen: Listen) -> None:
    with client_of(listen(chat_template=None)) as client, pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="any", messages=hello())


# What other clients send


def test_fields_that_change_nothing_are_accepted(client: OpenAI) -> None:
    client.chat.completions.create(
        model="any",
        messages=hello(),
        user="me",
        metadata={"a": "b"},
        store=False,
        service_tier="auto",
        parallel_tool_calls=True,
        response_format={"type": "text"},
        tool_choice="none",
        modalities=["text"],
    )


@pytest.mark.parametrize(
    ("route", "field", "value"),
    [
        ("completions", "suffix", "end"),
        ("completions", "best_of", 3),
        ("chat", "tools", [{"type": "function", "function": {"name": "f"}}]),
        ("chat", "response_format", {"type": "json_object"}),
        ("chat", "reasoning_effort", "high"),
    ],
)
def test_fields_that_cannot_be_honoured_are_refused_by_name(
    client: OpenAI, route: str, field: str, value: Any
) -> None:
    def ask() -> None:
        if route == "chat":
            client.chat.completions.create(model="any", messages=hello(), extra_body={field: value})
        else:
            client.completions.create(model="any", prompt="x", extra_body={field: value})

    with pytest.raises(openai.UnprocessableEntityError) as refusal:
        ask()
    assert refusal.value.param == field


@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        ("completions", {"prompt": ["a", "b", "c"], "n": 3}, "prompt"),
        ("completions", {"prompt": "x", "logit_bias": {"257": 1}}, "logit_bias"),
        ("completions", {"prompt": "x", "logit_bias": {"canary": 1}}, "logit_bias"),
        ("completions", {"prompt": "x", "stream_options": {"canary": True}}, "stream_options"),
        ("chat/completions", {"messages": hello("x" * 5000) * 2}, "messages"),
        ("chat/completions", {"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ("chat/completions", {"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ("chat/completions", {"messages": []}, "messages"),
    ],
)
def test_what_cannot_be_is_422_with_its_param(listen: Listen, route: str, body: Any, field: str) -> None:
    answer = httpx.post(f"{listen()}/v1/{route}", json={"model": "any"} | body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, field)
    assert "canary" not in answer.text


# Errors


def test_errors_have_the_sdks_types(listen: Listen) -> None:
    engine = FakeEngine(pause=1)
    url = listen(engine, api_keys=("secret",), slots=1, queue_size=0, request_timeout_seconds=3)
    with client_of(url, "wrong") as stranger, pytest.raises(openai.AuthenticationError) as unauthorized:
        stranger.completions.create(model="any", prompt="x")
    assert unauthorized.value.code == "unauthorized"
    with client_of(url, "secret") as client:
        with pytest.raises(openai.BadRequestError) as rejected:
            client.completions.create(model="any", prompt="what the fuck")
        assert rejected.value.code == "content_filter"
        assert "fuck" not in str(rejected.value)
        with pytest.raises(openai.UnprocessableEntityError) as invalid:
            client.completions.create(model="any", prompt="x", max_tokens=0)
        assert (invalid.value.param, invalid.value.type) == ("max_tokens", "invalid_request_error")
        slow = Thread(target=client.completions.create, kwargs={"model": "any", "prompt": "x"})
        slow.start()
        wait_until_running(engine)
        with pytest.raises(openai.RateLimitError) as full:
            client.completions.create(model="any", prompt="x")
        assert int(full.value.response.headers["retry-after"]) >= 1
        slow.join()


def test_the_sdk_waits_as_long_as_retry_after_says(listen: Listen) -> None:
    engine = FakeEngine(pause=0.02)
    url = listen(engine, slots=1, queue_size=0)
    with client_of(url, max_retries=1) as client:
        first = Thread(target=client.completions.create, kwargs={"model": "any", "prompt": "x"})
        first.start()
        wait_until_running(engine)
        start = time.perf_counter()
        answer = client.completions.create(model="any", prompt="x")
        first.join()
    assert answer.choices[0].text == FOX
    assert time.perf_counter() - start > 1


def test_an_error_in_a_stream_is_raised_by_the_sdk(listen: Listen) -> None:
    with client_of(listen(FakeEngine(fail_after=9), profanity="off")) as client:
        stream = client.completions.create(model="any", prompt="x", stream=True)
        with pytest.raises(openai.APIError) as failure:
            list(stream)
    assert failure.value.code == "engine_failed"


# Other clients


async def test_the_async_sdk(listen: Listen) -> None:
    async with AsyncOpenAI(base_url=f"{listen()}/v1", api_key="none") as client:
        answer = await client.completions.create(model="any", prompt="x")
        stream = await client.chat.completions.create(model="any", messages=hello(), stream=True)
        streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert answer.choices[0].text == FOX
    assert streamed == FOX


def test_langchain(listen: Listen) -> None:
    base = f"{listen()}/v1"
    completion = LangChainOpenAI(base_url=base, api_key=SecretStr("none"), model="any", max_tokens=64)
    chat = ChatOpenAI(base_url=base, api_key=SecretStr("none"), model="any")
    assert completion.invoke("x") == FOX
    assert "".join(completion.stream("x")) == FOX
    assert chat.invoke("hello").content == FOX
    assert "".join(str(chunk.content) for chunk in chat.stream("hello")) == FOX


def test_the_llm_command(listen: Listen, tmp_path: Path) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- {{model_id: ours, model_name: any, api_base: '{listen()}/v1'}}\n"
        f"- {{model_id: plain, model_name: any, api_base: '{listen()}/v1', completion: true}}\n"
    )
    environment = os.environ | {"LLM_USER_PATH": str(tmp_path), "OPENAI_API_KEY": "none"}
    for model in ("ours", "plain"):
        answer = subprocess.run(
            [sys.executable, "-m", "llm", "-m", model, "hello"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.stdout.strip() == FOX.strip(), answer.stderr


def test_every_error_under_v1_has_openais_shape(listen: Listen) -> None:
    url = listen()
    for answer in (
        httpx.get(f"{url}/v1/nowhere"),
        httpx.put(f"{url}/v1/completions"),
        httpx.post(f"{url}/v1/completions", json={}),
        httpx.post(f"{url}/v1/completions", content=b"x" * 70_000),
    ):
        error = answer.json()["error"]
        assert error.keys() == {"message", "type", "param", "code", "request_id"}
