"""What a request may ask for: settings and the model's length meet here, schemas refer to it by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from app.errors import InvalidRequestError
from app.settings import Settings

LARGEST_SEED = 2**53 - 1
"""Every JSON client keeps integers up to this exactly."""

MOST_STOPS = 16
"""Stop strings of a request."""


NEEDS_BYTES = (
    "token_healing",
    "min_confidence",
    "alternatives",
    "phrases",
    "response_format",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "structured_outputs",
    "json_schema",
    "grammar",
)
"""Fields that a file can honour only if the bytes of its tokens are known."""


@dataclass(frozen=True, slots=True)
class LargestValues:
    """Largest accepted values; units are in the names."""

    body_bytes: int
    prompt_characters: int
    sequence_tokens: int
    window_tokens: int
    default_window: int
    max_tokens: int
    choices: int
    stop_characters: int
    logprobs: int
    timeout_ms: int
    token_id: int
    alternatives: int = 5


@dataclass(frozen=True, slots=True)
class Limits(LargestValues):
    """What a request may ask for.

    Attributes:
        refused: Fields that the model file cannot honour.
        heals: Whether the last piece of a prompt can be written anew.
        fills: Whether the model has tokens for filling in what stands before a suffix.
    """

    refused: tuple[str, ...] = ()
    heals: bool = False
    fills: bool = False

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        sequence_length: int,
        vocabulary_size: int,
        refused: tuple[str, ...] = (),
        heals: bool = False,
        fills: bool = False,
    ) -> Self:
        """The settings' limits, lowered to what the model can do."""
        return cls(
            body_bytes=settings.max_body_bytes,
            prompt_characters=settings.max_prompt_characters,
            sequence_tokens=sequence_length,
            window_tokens=sequence_length - 1,
            default_window=max(1, min(int(sequence_length * settings.window_share), sequence_length - 1)),
            max_tokens=min(settings.max_tokens, sequence_length - 1),
            choices=min(settings.max_choices, settings.capacity),
            stop_characters=settings.max_stop_characters,
            logprobs=settings.max_logprobs,
            timeout_ms=int(settings.request_timeout_seconds * 1000),
            token_id=vocabulary_size - 1,
            alternatives=min(5, settings.engine_slots - 1),
            refused=refused,
            heals=heals,
            fills=fills,
        )

    def check_supported(self, field: str) -> None:
        """Refuse a field that the model file cannot honour.

        Raises:
            InvalidRequestError: It is one.
        """
        if field in self.refused:
            raise InvalidRequestError(field, "this model file does not support it; GET /model says what")

    def check(self, field: str, value: Any, limit: str) -> None:
        """Compare a number, the length of a text, or each item of a list with the limit of that name.

        Raises:
            InvalidRequestError: It is over the limit.
        """
        _check(field, value, getattr(self, limit))


def _check(field: str, value: Any, most: int) -> None:
    if isinstance(value, list):
        for item in value:
            _check(field, item, most)
    elif isinstance(value, str):
        if len(value) > most:
            raise InvalidRequestError(field, f"at most {most} characters are accepted")
    elif value > most:
        raise InvalidRequestError(field, f"at most {most} is accepted")
