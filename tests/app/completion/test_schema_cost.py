from __future__ import annotations

from typing import Any

import pytest

from app.completion.schema_cost import MOST_JOINED, MOST_REMAINDERS, check_cost

PATTERNS = [{"pattern": f"a.{{{n}}}"} for n in range(MOST_JOINED + 1)]
PARTS = {f"d{n}": pattern | {"$ref": f"#/$defs/d{n + 1}"} for n, pattern in enumerate(PATTERNS)}


@pytest.mark.parametrize(
    "schema",
    [
        {"multipleOf": MOST_REMAINDERS + 1},
        {"multipleOf": 1.00007},
        {"multipleOf": int("1" * 300)},
        {"allOf": [{"multipleOf": 997}, {"items": [{"multipleOf": 983}]}]},
        {"items": [{"multipleOf": 97}] * 200},
        {"allOf": PATTERNS},
        {"allOf": [{"properties": {"a": pattern}} for pattern in PATTERNS]},
        {"$ref": "#/$defs/d0", "$defs": PARTS},
        {"allOf": [{"format": "date"}] * (MOST_JOINED + 1)},
    ],
)
def test_what_would_be_compiled_without_end_is_refused_by_its_keys(schema: Any) -> None:
    with pytest.raises(ValueError, match=r"multipleOf|pattern, format"):
        check_cost(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"multipleOf": MOST_REMAINDERS - 1},
        {
            "items": [
                {"multipleOf": step} for step in (0.01, 0.25, 5, 500, 1e300, 0, -3, True, "a", None, 1e999)
            ]
        },
        {"properties": {"multipleOf": {"type": "number"}}},
        {"allOf": PATTERNS[:-1]},
        {"properties": {str(n): pattern for n, pattern in enumerate(PATTERNS)}},
        {"items": {"allOf": [{"$ref": "#/$defs/a"}], "title": "A"}, "$defs": {"a": {"anyOf": PATTERNS}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": PATTERNS}}, "description": "A"},
        [],
        True,
    ],
)
def test_what_people_write_is_let_pass(schema: Any) -> None:
    check_cost(schema)
