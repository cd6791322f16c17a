from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = [*ROOT.glob("locks/*.txt"), *ROOT.glob("*/package-lock.json"), *ROOT.glob("*/*/package-lock.json")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_has_hashes_and_no_addresses(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert "sha256:" in text or "sha512-" in text
