"""What a request may ask for: settings and the model's length meet here, schemas refer to it by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from pydantic import BaseModel

from app.errors import InvalidRequestError
from app.settings import Settings

NEUTRAL: dict[str, Any] = {
    "n": 1,
    "logprobs": False,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "logit_bias": {},
    "truncation": "left",
}
"""Values that ask for nothing, also of a file that refuses the field."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Largest accepted values, as `/model` reports them; units are in the names.

    Attributes:
        refused: Fields that the model file cannot honour.
    """

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
    refused: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        sequence_length: int,
        vocabulary_size: int,
        refused: tuple[str, ...] = (),
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
            refused=refused,
        )

    def check(self, body: BaseModel) -> None:
        """Compare every field that names a limit with it, and refuse what the model file cannot honour.

        Raises:
            InvalidRequestError: A field is over its limit, or asks for what the file has decided itself.
        """
        for name in body.model_fields_set.intersection(self.refused):
            if not _neutral(name, getattr(body, name)):
                raise InvalidRequestError(name, "this model file does not support it; GET /model says what")
        for name, mark in _marked(type(body)):
            value = getattr(body, name)
            if value is not None:
                mark.check(name, value, getattr(self, mark.limit))

    def describe(self, schema: dict[str, Any], model: type[BaseModel]) -> None:
        """Write the limits into a model's JSON schema, so that the document promises what is kept."""
        for name, mark in _marked(model):
            mark.describe(schema["properties"][name], getattr(self, mark.limit))


@dataclass(frozen=True, slots=True)
class AtMost:
    """Marks a field: its number, its length, or each of its items' is at most the named limit."""

    limit: str

    def check(self, name: str, value: Any, limit: int) -> None:
        """Compare a value, or each of its items, with the limit.

        Raises:
            InvalidRequestError: It is over the limit.
        """
        if isinstance(value, list):
            for item in value:
                self.check(name, item, limit)
        elif isinstance(value, str):
            if len(value) > limit:
                raise InvalidRequestError(name, f"at most {limit} characters are accepted")
        elif value > limit:
            raise InvalidRequestError(name, f"at most {limit} is accepted")

    def describe(self, schema: dict[str, Any], limit: int) -> None:
        """Add the limit to every string and number of a field's JSON schema."""
        for branch in schema.get("anyOf", [schema]):
            if branch.get("type") == "array":
                self.describe(branch["items"], limit)
            elif branch.get("type") == "string":
                branch["maxLength"] = limit
            elif branch.get("type") in ("integer", "number"):
                branch["maximum"] = limit


def _neutral(name: str, value: Any) -> bool:
    neutral = NEUTRAL.get(name)
    return value is None or (type(value) is type(neutral) and value == neutral)


@cache
def _marked(model: type[BaseModel]) -> list[tuple[str, AtMost]]:
    return [
        (name, mark)
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, AtMost)
    ]
