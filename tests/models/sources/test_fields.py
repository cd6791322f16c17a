from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import SourceError
from models.sources.fields import Fields, read_json

PATH = Path("config.json")


def fields(**values: Any) -> Fields:
    return Fields(PATH, values)


def test_values_come_back_as_what_they_are() -> None:
    found = fields(n=3, x=0.5, s="text", l=["a"], o={"a": 1})
    assert found.count("n") == 3
    assert (found.number("x"), found.number("n")) == (0.5, 3.0)
    assert (found.text("s"), found.strings("l"), found.object("o")) == ("text", ["a"], {"a": 1})


def test_what_is_missing_or_null_has_its_default() -> None:
    found = fields(n=None)
    assert "n" not in found
    assert (found.count("n", 2), found.number("x", 0.5), found.text("s", "t")) == (2, 0.5, "t")
    assert (found.get("g", None), found.object("o")) == (None, {})


@pytest.mark.parametrize("kind", ["count", "number", "text", "strings", "get"])
def test_without_a_default_the_field_is_named(kind: str) -> None:
    with pytest.raises(SourceError, match=r"^config\.json: the field width is missing$"):
        getattr(fields(width=None), kind)("width")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("count", 0, "a positive integer"),
        ("count", -1, "a positive integer"),
        ("count", 2.0, "a positive integer"),
        ("count", True, "a positive integer"),
        ("count", "2", "a positive integer"),
        ("count", [2], "a positive integer"),
        ("number", -0.5, "a number"),
        ("number", float("nan"), "a number"),
        ("number", float("inf"), "a number"),
        ("number", False, "a number"),
        ("text", 3, "a text"),
        ("strings", "ab", "a list of texts"),
        ("strings", ["a", 1], "a list of texts"),
        ("object", [1], "an object"),
    ],
)
def test_another_value_is_refused_with_what_was_expected(kind: str, value: Any, expected: str) -> None:
    with pytest.raises(SourceError) as caught:
        getattr(fields(width=value), kind)("width")
    assert str(caught.value) == f"config.json: width is {value!r}, expected {expected}"


def test_a_long_value_is_shown_in_part() -> None:
    with pytest.raises(SourceError) as caught:
        fields(width="x" * 1000).count("width")
    assert len(str(caught.value)) < 120


def test_heads_share_the_width() -> None:
    assert fields(width=64, heads=4).head_size("width", "heads") == 16
    with pytest.raises(SourceError, match=r"^config\.json: width 64 does not divide by heads 5$"):
        fields(width=64, heads=5).head_size("width", "heads")


def test_the_first_feature_that_is_present_is_named() -> None:
    fields().refuse({"nothing": False})
    with pytest.raises(SourceError, match=r"^config\.json: uses this, which is not supported$"):
        fields().refuse({"nothing": False, "this": True, "that": True})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not readable as JSON"),
        (b"\xff", "not readable as JSON"),
        (b"[" * 100_000, "not readable as JSON"),
        (b"[1]", "holds no JSON object"),
    ],
)
def test_a_file_without_an_object_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "config.json"
    with pytest.raises(SourceError, match=f"{path}: not found"):
        read_json(path)
    path.write_bytes(content)
    with pytest.raises(SourceError, match=f"{path}: {reason}"):
        read_json(path)
