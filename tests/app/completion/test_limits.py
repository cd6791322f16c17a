from __future__ import annotations

from typing import Any

import pytest

from app.completion.limits import Limits
from app.errors import InvalidRequestError
from app.settings import Settings


def limits(*refused: str, **settings: Any) -> Limits:
    return Limits.of(Settings(**settings), sequence_length=512, vocabulary_size=1000, refused=refused)


def test_limits_are_the_settings_lowered_to_what_the_model_can_do() -> None:
    high = limits(max_tokens=4000, slots=2, queue_size=1, max_choices=8, request_timeout_seconds=1.5)
    assert (high.max_tokens, high.window_tokens, high.token_id) == (511, 511, 999)
    assert (high.choices, high.timeout_ms) == (3, 1500)
    low = limits(max_tokens=40, slots=8, max_choices=4, window_share=0.25)
    assert (low.max_tokens, low.choices, low.default_window) == (40, 4, 128)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (41, "field: at most 40 is accepted"),
        ([1, 41], "field: at most 40 is accepted"),
        ("x" * 41, "field: at most 40 characters are accepted"),
        (["x", "x" * 41], "field: at most 40 characters are accepted"),
    ],
)
def test_a_number_a_text_or_an_item_over_the_limit_is_refused(value: object, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        limits(max_tokens=40).check("field", value, "max_tokens")
    assert refusal.value.message == message


@pytest.mark.parametrize("value", [0, 40, "x" * 40, [], [1, 40], ["x" * 40]])
def test_a_value_at_the_limit_is_accepted(value: object) -> None:
    limits(max_tokens=40).check("field", value, "max_tokens")


def test_a_field_that_the_file_cannot_honour_is_refused() -> None:
    limits("seed").check_supported("stop")
    with pytest.raises(InvalidRequestError, match=r"^seed: this model file does not support it"):
        limits("seed").check_supported("seed")
