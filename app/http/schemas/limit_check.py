"""Limits of request bodies: fields name the limit that holds for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from app.completion.limits import Limits

NEUTRAL: dict[str, Any] = {
    "n": 1,
    "logprobs": False,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "logit_bias": {},
    "truncation": "left",
    "token_healing": False,
    "min_confidence": 0.0,
    "alternatives": 0,
    "phrases": [],
    "min_tokens": 0,
    "ignore_eos": False,
    "stop_token_ids": [],
}
"""Values that ask for nothing, also of a file that refuses the field."""


@dataclass(frozen=True, slots=True)
class AtMost:
    """Marks a field: its number, its length, or each of its items' is at most the named limit."""

    limit: str


def check_limits(body: BaseModel, limits: Limits) -> None:
    """Compare every field that names a limit with it, and refuse what the model file cannot honour.

    Raises:
        InvalidRequestError: A field is over its limit, or asks for what the file has decided itself.
    """
    for name in body.model_fields_set.intersection(limits.refused):
        if not _is_neutral(name, getattr(body, name)):
            limits.check_supported(name)
    for name, limit in _limited_fields(type(body)):
        value = getattr(body, name)
        if value is not None:
            limits.check(name, value, limit)


def describe_limits(schema: dict[str, Any], model: type[BaseModel], limits: Limits) -> None:
    """Write the limits into a model's JSON schema, so that the document promises what is kept."""
    for name, limit in _limited_fields(model):
        _describe(schema["properties"][name], getattr(limits, limit))


def _describe(schema: dict[str, Any], most: int) -> None:
    """Add a limit to every string and number of a field's JSON schema."""
    for branch in schema.get("anyOf") or schema.get("oneOf") or [schema]:
        if "oneOf" in branch:
            _describe(branch, most)
        elif branch.get("type") == "array":
            _describe(branch["items"], most)
        elif branch.get("type") == "string":
            branch["maxLength"] = most
        elif branch.get("type") in ("integer", "number"):
            branch["maximum"] = most


def _is_neutral(name: str, value: Any) -> bool:
    neutral = NEUTRAL.get(name)
    return value is None or (type(value) is type(neutral) and value == neutral)


@cache
def _limited_fields(model: type[BaseModel]) -> list[tuple[str, str]]:
    """Each field that names a limit, with the limit's name."""
    return [
        (name, mark.limit)
        for name, field in model.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, AtMost)
    ]
