"""What the OpenAI routes refuse, and how the openai SDK sees it."""

from __future__ import annotations

import time
from threading import Thread
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.app.asking import FOX
from tests.app.sdk import Listen, client_of, hello, wait_until_running
from tests.fakes import FakeEngine


def test_fields_that_change_nothing_are_accepted(sdk: OpenAI) -> None:
    sdk.chat.completions.create(
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
        ("completions", "best_of", 3),
        ("chat", "tools", [{"type": "function", "function": {"name": "f"}}]),
        ("chat", "reasoning_effort", "high"),
    ],
)
def test_fields_that_cannot_be_honoured_are_refused_by_name(
    sdk: OpenAI, route: str, field: str, value: Any
) -> None:
    def ask() -> None:
        if route == "chat":
            sdk.chat.completions.create(model="any", messages=hello(), extra_body={field: value})
        else:
            sdk.completions.create(model="any", prompt="x", extra_body={field: value})

    with pytest.raises(openai.BadRequestError) as refusal:
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
def test_what_cannot_be_is_400_with_its_param(listen: Listen, route: str, body: Any, field: str) -> None:
    answer = httpx.post(f"{listen()}/v1/{route}", json={"model": "any"} | body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    assert "canary" not in answer.text


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
        with pytest.raises(openai.BadRequestError) as invalid:
            client.completions.create(model="any", prompt="x", max_tokens=-1)
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
