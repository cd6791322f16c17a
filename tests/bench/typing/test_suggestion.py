from __future__ import annotations

import pytest

from bench.typing.suggestion import Suggestion, refusal, suggestion


def test_every_field_of_an_answer_is_read() -> None:
    choice = {
        "text": "ting",
        "finish_reason": "stop",
        "healed": 4,
        "confidence": 0.5,
        "alternatives": [{"text": "ter", "confidence": 0.2}],
    }
    assert suggestion({"choices": [choice]}, 12.5) == Suggestion(
        "ting", confidence=0.5, alternatives=("ter",), healed=4, milliseconds=12.5
    )


def test_a_service_without_the_fields_of_typing_is_read_too() -> None:
    assert suggestion({"choices": [{"text": "ting"}]}, 1.0) == Suggestion("ting", milliseconds=1.0)


def test_what_the_guard_took_back_is_known() -> None:
    assert suggestion({"choices": [{"text": "", "finish_reason": "content_filter"}]}, 1.0).withheld


@pytest.mark.parametrize(
    ("body", "error"),
    [({"error": {"code": "content_filter"}}, "400 content_filter"), ({}, "400"), ([], "400")],
)
def test_a_refusal_is_named_by_status_and_code(body: object, error: str) -> None:
    assert refusal(400, body) == Suggestion(error=error)


def test_white_space_alone_is_not_shown() -> None:
    assert [Suggestion(text).shown for text in ("", " \n", " a")] == [False, False, True]
