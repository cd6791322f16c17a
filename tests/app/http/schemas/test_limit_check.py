from __future__ import annotations

from typing import Any

import pytest

from app.completion.limits import Limits
from app.errors import InvalidRequestError
from app.http.schemas.chat import ChatRequest
from app.http.schemas.complete import CompleteRequest
from app.http.schemas.completions import CompletionRequest
from app.http.schemas.limit_check import check_limits
from app.model.foreign.text_to_text import BAKED
from app.settings import Settings


def limits(*refused: str) -> Limits:
    return Limits.of(Settings(), sequence_length=512, vocabulary_size=1000, refused=refused)


def complete(**fields: Any) -> CompleteRequest:
    return CompleteRequest.model_validate({"prompt": "x"} | fields)


def test_a_field_that_the_file_cannot_honour_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        check_limits(complete(seed=3), limits("seed", "top_k"))
    assert (refusal.value.field, refusal.value.reason) == (
        "seed",
        "this model file does not support it; GET /model says what",
    )


def test_a_field_that_is_absent_or_null_is_not_refused() -> None:
    check_limits(complete(), limits(*BAKED))
    check_limits(complete(seed=None, max_tokens=None, logprobs=None), limits(*BAKED))


@pytest.mark.parametrize(
    "neutral",
    [
        {"n": 1},
        {"repetition_penalty": 1},
        {"presence_penalty": 0, "frequency_penalty": 0.0, "min_p": 0},
        {"truncation": "left"},
    ],
)
def test_a_value_that_asks_for_nothing_is_not_refused(neutral: dict[str, Any]) -> None:
    check_limits(complete(**neutral), limits(*BAKED))


@pytest.mark.parametrize(
    "asked",
    [{"n": 2}, {"logprobs": 0}, {"temperature": 1}, {"truncation": "error"}, {"top_k": 0}, {"max_tokens": 5}],
)
def test_every_other_value_is(asked: dict[str, Any]) -> None:
    (field,) = asked
    with pytest.raises(InvalidRequestError, match=f"^{field}: "):
        check_limits(complete(**asked), limits(*BAKED))


def test_openais_routes_refuse_the_same() -> None:
    chat = {"model": "any", "messages": [{"role": "user", "content": "hi"}]}
    check_limits(ChatRequest.model_validate(chat | {"logprobs": False}), limits(*BAKED))
    with pytest.raises(InvalidRequestError, match=r"^logprobs: "):
        check_limits(ChatRequest.model_validate(chat | {"logprobs": True}), limits(*BAKED))
    with pytest.raises(InvalidRequestError, match=r"^logit_bias: "):
        check_limits(
            CompletionRequest.model_validate({"model": "any", "prompt": "x", "logit_bias": {"5": 1}}),
            limits(*BAKED),
        )


def test_every_refused_field_is_one_of_a_request() -> None:
    known = {name for body in (CompleteRequest, CompletionRequest, ChatRequest) for name in body.model_fields}
    assert set(BAKED) <= known
