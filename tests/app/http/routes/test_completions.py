"""`/v1/completions`, asked by the openai SDK over a socket."""

from __future__ import annotations

from typing import Any

import pytest
from openai import OpenAI

from tests.app.asking import FOX
from tests.app.sdk import Listen, client_of
from tests.fakes import FakeEngine


def test_a_completion(sdk: OpenAI) -> None:
    answer = sdk.completions.create(model="any", prompt="The quick brown fox", seed=1)
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


def test_a_streamed_completion_is_the_whole_one(sdk: OpenAI) -> None:
    stream = sdk.completions.create(
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


def test_completion_logprobs_are_parallel_lists(sdk: OpenAI) -> None:
    choice = sdk.completions.create(model="any", prompt="x", logprobs=2, max_tokens=2).choices[0]
    assert choice.logprobs is not None
    assert choice.logprobs.tokens == [" ", "j"]
    assert choice.logprobs.token_logprobs == [-0.5, -0.5]
    assert choice.logprobs.top_logprobs == [{" ": -0.5, "x": -1.5}, {"j": -0.5, "x": -1.5}]
    assert choice.logprobs.text_offset == [0, 1]


@pytest.mark.parametrize("stream", [False, True])
def test_completion_logprobs_begin_with_those_of_the_echoed_prompt(sdk: OpenAI, stream: bool) -> None:
    asked: Any = {"model": "any", "prompt": "fox", "logprobs": 0, "max_tokens": 3, "echo": True}
    answers = sdk.completions.create(**asked, stream=True) if stream else [sdk.completions.create(**asked)]
    choices = [answer.choices[0] for answer in answers]
    offsets = [
        offset for choice in choices if choice.logprobs for offset in choice.logprobs.text_offset or ()
    ]
    assert "".join(choice.text for choice in choices) == "fox ju"
    assert offsets == [0, 1, 2, 3, 4, 5]


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
