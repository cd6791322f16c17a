"""What a JSON schema may cost before it is a grammar: there llguidance's own limits do not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import lcm
from typing import Any

MOST_REMAINDERS = 10_000
"""Of all `multipleOf` of a schema: 126 ms of compiling, where 100 million take hours (llguidance 1.9)."""

MOST_JOINED = 10
"""Patterns and formats of a schema with parts that must hold together: 10 take 8 ms, 20 no end."""

ANNOTATIONS = frozenset(
    ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "discriminator")
) | frozenset(("$comment", "$schema", "$id", "$defs", "definitions"))
"""Keys that permit and forbid nothing by themselves."""


def check_cost(schema: Any) -> None:
    """See that a schema can be compiled in a bounded time.

    Raises:
        ValueError: It cannot; says which of its keys are too many or too large.
    """
    steps, joined, patterns = list[int](), False, 0
    for part in _objects(schema):
        step = part.get("multipleOf")
        if isinstance(step, int | float) and not isinstance(step, bool):
            steps.append(_coefficient(step))
        joined = joined or _joins(part)
        patterns += isinstance(part.get("pattern"), str) + isinstance(part.get("format"), str)
    if sum(steps) > MOST_REMAINDERS or lcm(*steps) > MOST_REMAINDERS:
        raise ValueError(f"multipleOf: at most {MOST_REMAINDERS} remainders are told apart")
    if joined and patterns > MOST_JOINED:
        raise ValueError(
            f"pattern, format: at most {MOST_JOINED} are accepted beside allOf, or $ref with more keys"
        )


def _objects(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a schema."""
    parts = [schema]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            yield part
            parts += part.values()
        elif isinstance(part, list):
            parts += part


def _coefficient(step: float) -> int:
    """Of a number the digits that count: 25 of 0.25 and of 2500."""
    return int("".join(map(str, Decimal(str(step)).normalize().as_tuple().digits)))


def _joins(part: Mapping[str, Any]) -> bool:
    """Whether a part of a schema must keep to several others at once."""
    several = part.get("allOf")
    keys = part.keys() - ANNOTATIONS
    return (isinstance(several, list) and len(several) > 1) or (
        len(keys) > 1 and not keys.isdisjoint(("allOf", "$ref"))
    )
