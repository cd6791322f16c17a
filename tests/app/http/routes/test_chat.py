"""`/v1/chat/completions`, asked by the openai SDK over a socket."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai import OpenAI

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
