"""The fields that constrain a text, and what each asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from app.completion.constraint import Constraint
from app.completion.limits import NEEDS_BYTES
from app.errors import InvalidRequestError
from app.http.schemas.constraint import ConstrainedRequest

SCHEMA = {"type": "object", "properties": {"é": {"type": "integer"}}}
TEXT = '{"type": "object", "properties": {"é": {"type": "integer"}}}'


def body(**fields: Any) -> ConstrainedRequest:
    return ConstrainedRequest.model_validate_json(json.dumps(fields))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("response_format", {"type": "json_object"}, ("json_schema", '{"type": "object"}')),
        ("response_format", {"type": "json_object", "schema": SCHEMA}, ("json_schema", TEXT)),
        (
            "response_format",
            {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
            ("json_schema", TEXT),
        ),
        (
            "response_format",
            {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": SCHEMA}},
            ("json_schema", TEXT),
        ),
        ("guided_json", SCHEMA, ("json_schema", TEXT)),
        ("guided_json", TEXT, ("json_schema", TEXT)),
        ("json_schema", SCHEMA, ("json_schema", TEXT)),
        ("guided_regex", "a+", ("regex", "a+")),
        ("guided_choice", ["é", "b"], ("choice", '["é", "b"]')),
        ("guided_grammar", 'start: "a"', ("grammar", 'start: "a"')),
        ("grammar", 'root ::= "a"', ("grammar", 'root ::= "a"')),
        ("structured_outputs", {"json": SCHEMA}, ("json_schema", TEXT)),
        ("structured_outputs", {"json": TEXT}, ("json_schema", TEXT)),
        ("structured_outputs", {"json_object": True}, ("json_schema", '{"type": "object"}')),
        ("structured_outputs", {"regex": "a+"}, ("regex", "a+")),
        ("structured_outputs", {"choice": ["é", "b"]}, ("choice", '["é", "b"]')),
        ("structured_outputs", {"grammar": 'start: "a"'}, ("grammar", 'start: "a"')),
    ],
)
def test_each_field_says_what_the_text_must_keep_to(
    field: str, value: Any, expected: tuple[Any, str]
) -> None:
    assert body(**{field: value}).constraint == Constraint(*expected, field)


@pytest.mark.parametrize("value", [None, {"type": "text"}])
def test_any_text_is_no_constraint(value: Any) -> None:
    asked = body(response_format=value)
    assert (asked.response_format, asked.constraint) == (None, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("response_format", {"type": "xml"}),
        ("response_format", {"type": "json_schema"}),
        ("response_format", {"type": "json_schema", "json_schema": {"name": "a"}}),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": [1]}}),
        ("guided_json", "{"),
        ("guided_json", "[" * 100_000),
        ("guided_json", 7),
        ("guided_json", "true"),
        ("guided_regex", ""),
        ("guided_regex", "a" * 65_537),
        ("guided_choice", []),
        ("guided_choice", [""]),
        ("guided_choice", "yes"),
        ("grammar", 7),
    ],
)
def test_a_wrong_value_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        body(**{field: value})
    assert caught.value.errors()[0]["loc"][0] == field


def test_one_field_at_most_constrains_a_text() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        _ = body(guided_regex="a", grammar='start: "a"').constraint
    assert (caught.value.field, caught.value.reason) == ("grammar", "not together with guided_regex")


def test_structured_outputs_may_name_nothing() -> None:
    assert body(structured_outputs={"json_object": False}).constraint is None


def test_files_without_the_bytes_of_tokens_refuse_all_of_them() -> None:
    assert set(ConstrainedRequest.model_fields) <= set(NEEDS_BYTES)
