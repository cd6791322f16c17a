"""Promises and faults, and the tests that keep them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(page: str) -> list[str]:
    """The rows of a page's tables that have a column of tests."""
    tables = re.findall(
        r"^\|.*(?:kept by|test) \|\n\|[ |-]+\n((?:\|.*\n)+)", (ROOT / page).read_text(), re.MULTILINE
    )
    return [row for table in tables for row in table.splitlines()]


@pytest.mark.parametrize(("page", "least"), [("SECURITY.md", 20), ("docs/measurements/faults.md", 25)])
def test_every_promise_names_a_test_that_exists(page: str, least: int) -> None:
    kept = rows(page)
    assert len(kept) > least
    for line in kept:
        named = NAMED.findall(line)
        assert named, line
        for file, test in named:
            assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE), (
                f"{file}::{test}"
            )


def test_no_row_is_overlooked() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert len(rows("SECURITY.md")) == sum(
        line.startswith("| ") for line in text.splitlines()
    ) - 2 * text.count("kept by |")
