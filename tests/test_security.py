"""Promises and the tests that keep them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_promise_names_a_test_that_exists() -> None:
    promises = [line for line in (ROOT / "SECURITY.md").read_text().splitlines() if line.startswith("| ")]
    kept = [line for line in promises if "promise |" not in line and "--- |" not in line]
    assert len(kept) > 20
    for line in kept:
        named = NAMED.findall(line)
        assert named, line
        for file, test in named:
            assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE), (
                f"{file}::{test}"
            )
