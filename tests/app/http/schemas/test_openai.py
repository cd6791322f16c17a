"""What requests of OpenAI's routes share."""

from __future__ import annotations

from typing import Any

import pytest

from app.http.schemas.chat import ChatRequest
from app.http.schemas.openai import ignored_fields, openai_reason


def ignored(**fields: Any) -> list[str]:
    asked = {"model": "any", "messages": [{"role": "user", "content": "x"}]} | fields
    return ignored_fields(ChatRequest.model_validate(asked))


@pytest.mark.parametrize("neutral", [None, "", [], {}, False])
def test_fields_that_ask_for_nothing_are_not_named(neutral: Any) -> None:
    assert ignored(user=neutral, store=neutral) == []


def test_each_field_without_effect_is_named_once_by_its_path() -> None:
    part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    message = {"role": "user", "content": [part, part], "name": "me"}
    assert ignored(messages=[message, message], store=True, stream_options={"include_obfuscation": True}) == [
        "messages.content.cache_control",
        "messages.name",
        "store",
        "stream_options.include_obfuscation",
    ]


def test_fields_that_are_honoured_are_not_named() -> None:
    assert ignored(temperature=1.0, stop=["a"], min_tokens=2, logprobs=True) == []


def test_a_deadline_and_a_lack_of_confidence_are_a_length() -> None:
    assert [openai_reason(reason) for reason in ("timeout", "confidence", "length", "stop")] == [
        "length",
        "length",
        "length",
        "stop",
    ]
