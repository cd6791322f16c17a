"""Request bodies become jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.completion.chat_template import ChatPrompt, ChatTemplate, Message
from app.completion.job import Job
from app.completion.limits import Limits
from app.completion.prompt import PlainPrompt
from app.engine.messages import Sampling
from app.errors import InvalidRequestError
from app.http.jobs import chat_job, complete_job, completion_jobs
from app.http.schemas.chat import ChatRequest
from app.http.schemas.complete import CompleteRequest
from app.http.schemas.completions import CompletionRequest
from app.settings import Settings
from tests.fakes import ByteTokenizer

SETTINGS = Settings(profanity="mask", request_timeout_seconds=60, max_prompt_characters=100)
LIMITS = Limits.of(SETTINGS, sequence_length=256, vocabulary_size=100, heals=True)
TEMPLATE = ChatTemplate("{{ messages[0].content }}", {"<|end|>": 99})


def completion(**fields: Any) -> list[Job]:
    body = CompletionRequest.model_validate({"model": "any", "prompt": "x", "seed": 1} | fields)
    return completion_jobs(body, SETTINGS, LIMITS, ByteTokenizer())


def chat(*messages: dict[str, Any], **fields: Any) -> Job:
    asked = list(messages) or [{"role": "user", "content": "hi"}]
    body = ChatRequest.model_validate({"model": "any", "messages": asked, "seed": 1} | fields)
    return chat_job(body, SETTINGS, LIMITS, TEMPLATE)


def test_every_field_of_complete_reaches_its_job() -> None:
    body = CompleteRequest(
        prompt="x",
        max_tokens=5,
        n=2,
        logprobs=3,
        echo=True,
        context_window=7,
        truncation="error",
        profanity="reject",
        token_healing=True,
        until="sentence",
        min_confidence=0.25,
        alternatives=2,
        phrases=["Kestrel House"],
        suffix=" and more",
        cache_salt="mine",
        timeout_ms=50,
        temperature=0.5,
        top_p=0.75,
        repetition_penalty=1.5,
        seed=1,
        stop=["a", "b"],
    )
    assert complete_job(body, SETTINGS, LIMITS) == Job(
        prompt=PlainPrompt("x"),
        max_tokens=5,
        reserved=5,
        window=7,
        sampling=Sampling(temperature=0.5, top_p=0.75, repetition_penalty=1.5, seed=1, logprobs=3),
        policy="reject",
        timeout=0.05,
        choices=2,
        stop=("a", "b"),
        echo=True,
        refuse_truncation=True,
        token_healing=True,
        until="sentence",
        min_confidence=0.25,
        scored=True,
        alternatives=2,
        phrases=("Kestrel House",),
        suffix=" and more",
        owner="mine",
    )


def test_a_completion_of_several_prompts_is_a_job_for_each() -> None:
    first, second = completion(prompt=["one", "two"], n=2, max_tokens=5, echo=True, logit_bias={"7": 1.5})
    assert (first.prompt, second) == (PlainPrompt("one"), replace(first, prompt=PlainPrompt("two")))
    assert (first.choices, first.max_tokens, first.reserved, first.echo) == (2, 5, 1, True)
    assert (first.sampling.logit_bias, first.policy, first.timeout) == (((7, 1.5),), "mask", 60.0)


def test_prompts_without_a_seed_have_seeds_of_their_own() -> None:
    first, second = completion(prompt=["one", "two"], seed=None)
    assert first.sampling.seed != second.sampling.seed


def test_more_completions_than_the_limit_are_refused() -> None:
    assert len(completion(prompt=["x"] * 4, n=2)) == 4
    with pytest.raises(InvalidRequestError, match=r"^prompt: prompts times n: at most 8 is accepted$"):
        completion(prompt=["x"] * 3, n=3)


@pytest.mark.parametrize("build", [completion, chat])
def test_a_bias_on_a_token_that_the_model_does_not_have_is_refused(build: Any) -> None:
    build(logit_bias={"99": 1})
    with pytest.raises(InvalidRequestError, match=r"^logit_bias: token ids are at most 99$"):
        build(logit_bias={"100": 1})


def test_a_conversation_takes_as_many_tokens_as_fit_if_it_does_not_say() -> None:
    assert (chat().max_tokens, chat().reserved) == (255, 64)
    assert (chat(max_tokens=5).max_tokens, chat(max_tokens=5).reserved) == (5, 5)
    assert chat(max_tokens=5, max_completion_tokens=6).max_tokens == 6


def test_a_developers_message_is_a_systems() -> None:
    prompt = chat(
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]},
    ).prompt
    assert isinstance(prompt, ChatPrompt)
    assert prompt.messages == (Message("system", "be brief"), Message("user", "hi"))


def test_messages_that_are_too_long_together_are_refused() -> None:
    with pytest.raises(
        InvalidRequestError, match=r"^messages: at most 100 characters are accepted together$"
    ):
        chat({"role": "user", "content": "x" * 60}, {"role": "user", "content": "x" * 41})


@pytest.mark.parametrize(
    ("fields", "logprobs"),
    [
        ({}, None),
        ({"logprobs": True}, 0),
        ({"logprobs": True, "top_logprobs": 2}, 2),
        ({"top_logprobs": 2}, None),
    ],
)
def test_logprobs_of_a_conversation_are_a_switch_and_a_number(
    fields: dict[str, Any], logprobs: int | None
) -> None:
    assert chat(**fields).sampling.logprobs == logprobs
