"""Random JSON schemas of what llguidance honours, with small texts that match them."""

from __future__ import annotations

import random
import string
from typing import Any

FORMATS = ("date", "time", "date-time", "uuid", "ipv4", "email")
PATTERNS = ("^[a-z]{1,5}$", "^[A-Z][0-9]{2,4}$", "^(red|green|blue)-[0-9]$", "^\\+?[0-9 ]{3,9}$")


class RandomSchemas:
    """Draws schemas; the same seed draws the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def schema(self) -> dict[str, Any]:
        """A schema; one in five refers to definitions, some of them to themselves."""
        if self._random.random() < 0.2:
            return self._tree()
        return self._object(3) if self._random.random() < 0.7 else self._any(3)

    def _tree(self) -> dict[str, Any]:
        leaf = self._leaf()
        node = {
            "type": "object",
            "properties": {
                "value": leaf,
                "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
            },
            "required": ["value", "next"],
            "additionalProperties": False,
        }
        return {"$defs": {"node": node}, "$ref": "#/$defs/node"}

    def _any(self, depth: int) -> dict[str, Any]:
        if depth == 0:
            return self._leaf()
        kinds = (self._leaf, lambda: self._object(depth - 1), lambda: self._array(depth - 1), self._union)
        return self._random.choice(kinds)()

    def _union(self) -> dict[str, Any]:
        count = self._random.randint(2, 3)
        return {"anyOf": [self._leaf() for _ in range(count)]}

    def _object(self, depth: int) -> dict[str, Any]:
        names = self._names(self._random.randint(0, 4))
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: self._any(depth - 1 if depth else 0) for name in names},
            "required": [name for name in names if self._random.random() < 0.7],
        }
        extra = self._random.choice((None, False, False, self._leaf()))
        if extra is not None:
            schema["additionalProperties"] = extra
        return schema

    def _array(self, depth: int) -> dict[str, Any]:
        least = self._random.randint(0, 2)
        schema: dict[str, Any] = {"type": "array", "minItems": least}
        schema["maxItems"] = least + self._random.randint(0, 2)
        if self._random.random() < 0.2:
            schema["prefixItems"] = [self._leaf(), self._leaf()]
        schema["items"] = self._any(depth)
        return schema

    def _leaf(self) -> dict[str, Any]:
        kinds = (
            self._string,
            self._number,
            self._fixed,
            lambda: {"type": "boolean"},
            lambda: {"type": "null"},
        )
        return self._random.choice(kinds)()

    def _string(self) -> dict[str, Any]:
        match self._random.randrange(4):
            case 0:
                return {"type": "string", "pattern": self._random.choice(PATTERNS)}
            case 1:
                return {"type": "string", "format": self._random.choice(FORMATS)}
            case 2:
                least = self._random.randint(0, 4)
                return {"type": "string", "minLength": least, "maxLength": least + self._random.randint(0, 6)}
        return {"type": "string"}

    def _number(self) -> dict[str, Any]:
        least = self._random.randint(-1000, 1000)
        schema: dict[str, Any] = {"type": self._random.choice(("integer", "number"))}
        if self._random.random() < 0.7:
            schema["minimum"] = least
        if self._random.random() < 0.7:
            name = self._random.choice(("maximum", "exclusiveMaximum"))
            schema[name] = least + self._random.randint(1, 500)
        if schema["type"] == "integer" and self._random.random() < 0.2:
            return {"type": "integer", "multipleOf": self._random.choice((2, 5, 10))}
        return schema

    def _fixed(self) -> dict[str, Any]:
        values: list[Any] = [
            self._word(),
            self._random.randint(-9, 9),
            None,
            True,
            [1, "a"],
            {"a": 0.5},
            'é\n"\\',
        ]
        if self._random.random() < 0.3:
            return {"const": self._random.choice(values)}
        return {"enum": self._random.sample(values, self._random.randint(1, 4))}

    def _names(self, count: int) -> list[str]:
        return list(dict.fromkeys(self._word() for _ in range(count)))

    def _word(self) -> str:
        letters = string.ascii_letters + "_ -é"
        return "".join(self._random.choice(letters) for _ in range(self._random.randint(1, 8)))
