"""`/v1/chat/completions`, asked by the openai SDK over a socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from fastapi import FastAPI
from openai import OpenAI

from app.errors import ModelRefusedError
from tests.app.asking import FOX
from tests.app.sdk import Listen, client_of, hello
from tests.fakes import FakeEngine


def test_a_chat_completion(sdk: OpenAI) -> None:
    answer = sdk.chat.completions.create(model="any", messages=hello(), temperature=0)
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


def test_variables_of_the_template_may_be_set(listen: Listen) -> None:
    engine = FakeEngine()
    template = (
        "{{ messages[0].content }}{{ enable_thinking is defined and enable_thinking is false }}{{ level }}"
    )
    with client_of(listen(engine, chat_template=template)) as client:
        more = {"chat_template_kwargs": {"enable_thinking": False, "level": 1.5}}
        client.chat.completions.create(model="any", messages=hello(), extra_body=more)
        client.chat.completions.create(model="any", messages=hello(), extra_body={"chat_template_kwargs": {}})
    prompts = [bytes(generation.prompt).decode() for generation in engine.generations]
    assert prompts == ["helloTrue1.5", "helloFalse"]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"tools": "x"}, "cannot be set here"),
        ({"messages": "x"}, "cannot be set here"),
        ({"a b": "x"}, "names are letters"),
        ({"a": [1]}, "a short text, a number, a truth value or null"),
        ({"a": "x" * 257}, "a short text, a number, a truth value or null"),
        ({f"a{number}": 1 for number in range(17)}, "at most 16"),
    ],
)
def test_variables_that_cannot_be_set_are_refused(
    sdk: OpenAI, variables: dict[str, object], reason: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        sdk.chat.completions.create(
            model="any", messages=hello(), extra_body={"chat_template_kwargs": variables}
        )
    assert refusal.value.param == "chat_template_kwargs"
    assert reason in refusal.value.message


def test_a_template_that_cannot_be_parsed_ends_the_start(compose: Callable[..., FastAPI]) -> None:
    with pytest.raises(ModelRefusedError) as refusal:
        compose(chat_template="{% if %}")
    assert str(refusal.value).startswith("tiny: the chat template, line 1: Expected an expression")


def test_a_chat_without_max_tokens_takes_what_the_servers_limit_and_the_length_leave(listen: Listen) -> None:
    engine = FakeEngine()
    with client_of(listen(engine, max_tokens=7)) as client:
        client.chat.completions.create(model="any", messages=hello())
        client.chat.completions.create(model="any", messages=hello(), max_tokens=5)
    assert [generation.max_tokens for generation in engine.generations] == [7, 5]


def test_a_streamed_chat_is_the_whole_one(sdk: OpenAI) -> None:
    stream = sdk.chat.completions.create(model="any", messages=hello(), stream=True, n=2)
    chunks = list(stream)
    texts = ["", ""]
    for chunk in chunks:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == [FOX, FOX]
    assert [chunk.choices[0].delta.role for chunk in chunks].count("assistant") == 2
    assert "role" not in chunks[2].choices[0].delta.model_fields_set
    assert [chunk.choices[0].finish_reason for chunk in chunks].count("stop") == 2


def test_chat_logprobs(sdk: OpenAI) -> None:
    answer = sdk.chat.completions.create(
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
