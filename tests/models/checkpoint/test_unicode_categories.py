from __future__ import annotations

import sys
import unicodedata
from types import SimpleNamespace

import pytest

from models.checkpoint.unicode_categories import FILE, format_ranges, read_ranges


def table(version: str = "16.0.0") -> SimpleNamespace:
    """What the file says, as a module like `unicodedata`."""
    found = {chr(point): category for category, points in read_ranges() for point in points}
    return SimpleNamespace(unidata_version=version, category=lambda c: found.get(c, "Cn"))


def test_ranges_are_written_as_they_are_read() -> None:
    assert format_ranges(table()) == FILE.read_text()


def test_letters_and_numbers_agree_with_this_pythons_table_where_a_character_is_assigned() -> None:
    found = table().category
    assigned = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) != "Cn"]
    differing = {c for c in assigned if found(c)[0] != unicodedata.category(c)[0]}
    assert [c for c in differing if unicodedata.category(c)[0] in "LN" or found(c)[0] in "LN"] == []


def test_a_table_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Unicode 15\.0\.0 is not 16\.0\.0: run this on Python 3\.14$"):
        format_ranges(table("15.0.0"))
