"""Named values of a checkpoint's description, each read as what it must be or refused by its name."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.model.recognition import POINTER, is_pointer
from models.errors import SourceError


@dataclass(frozen=True, slots=True)
class Fields:
    """Metadata of a GGUF file, or the object in a JSON file; null counts as missing.

    Whoever asks names a field and perhaps a default; SourceError says what is missing or wrong. What was
    asked for is remembered, so that a field that nobody knows can be refused.
    """

    path: Path
    values: Mapping[str, Any]
    asked: set[str] = field(default_factory=set, compare=False)
    shown: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What a field is called in the file, where that is another name."""

    def __contains__(self, name: str) -> bool:
        self.asked.add(name)
        return self.values.get(name) is not None

    def named(self, *names: str) -> str:
        """The first of several names that is there; else the first."""
        return [*[name for name in names if name in self], names[0]][0]

    def get(self, name: str, *default: Any) -> Any:
        """The value as it is."""
        if name in self:
            return self.values[name]
        if default:
            return default[0]
        raise self.error(f"the field {self._name(name)} is missing")

    def count(self, name: str, *default: int) -> int:
        """An integer of at least 1."""
        found = self.get(name, *default)
        if isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise self._wrong(name, found, "a positive integer")
        return found

    def number(self, name: str, *default: float) -> float:
        """A number that is not negative."""
        found = self.get(name, *default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < float("inf"):
            raise self._wrong(name, found, "a number")
        return float(found)

    def text(self, name: str, *default: str) -> str:
        """A string."""
        found = self.get(name, *default)
        if not isinstance(found, str):
            raise self._wrong(name, found, "a text")
        return found

    def strings(self, name: str) -> list[str]:
        """A list of strings."""
        found = self.get(name)
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise self._wrong(name, found, "a list of texts")
        return found

    def object(self, name: str) -> Mapping[str, Any]:
        """A JSON object; an empty one where there is none."""
        found = self.get(name, {})
        if not isinstance(found, dict):
            raise self._wrong(name, found, "an object")
        return found

    def head_size(self, width: str, heads: str) -> int:
        """The width by the number of heads."""
        whole, parts = self.count(width), self.count(heads)
        if whole % parts:
            raise SourceError(f"{self.path}: {width} {whole} does not divide by {heads} {parts}")
        return whole // parts

    def refuse(self, unsupported: Mapping[str, bool]) -> None:
        """Name the first feature that is present and cannot be expressed."""
        for feature, present in unsupported.items():
            if present:
                raise SourceError(f"{self.path}: uses {feature}, which is not supported")

    def refuse_unread(self, inert: Collection[str] = ()) -> None:
        """Name the first field that says something and that nobody has asked for.

        Args:
            inert: Names of fields that change nothing that is computed.
        """
        for name, value in self.values.items():
            if name not in self.asked and name not in inert and value not in (None, False, 0, "", [], {}):
                shown = repr(value)
                raise self.error(f"the field {self._name(name)}, which is {shown[:40]}, is not known here")

    def error(self, message: str) -> SourceError:
        """A refusal that names the file."""
        return SourceError(f"{self.path}: {message}")

    def _wrong(self, name: str, found: Any, expected: str) -> SourceError:
        shown = repr(found)
        return self.error(f"{self._name(name)} is {shown[:40]}, expected {expected}")

    def _name(self, name: str) -> str:
        return self.shown.get(name, name)


def read_json(path: Path) -> Fields:
    """The object in a JSON file.

    Raises:
        SourceError: It is missing or holds no object.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise SourceError(f"{path}: not found") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = POINTER if is_pointer(path) else f"not readable as JSON: {error}"
        raise SourceError(f"{path}: {reason}") from None
    if not isinstance(found, dict):
        raise SourceError(f"{path}: holds no JSON object")
    return Fields(path, found)
