from __future__ import annotations

import os

import pytest

from bench.session import stretch
from bench.session.stretch import suggestion, type_stretch


def test_each_key_asks_with_all_that_stands_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch, "SETTLE_SECONDS", 0.0)
    asked = list[str]()

    def ask(typed: str) -> str:
        asked.append(typed)
        return typed.upper()

    typed = type_stretch("abcdef", range(3, 6), ask, os.getpid())
    assert asked == ["abc", "abcd", "abcde"]
    assert typed.shown == ("ABC", "ABCD", "ABCDE")
    assert len(typed.milliseconds) == 3
    assert min(typed.milliseconds) >= 0
    assert typed.processor >= 0


def test_a_suggestion_is_read_from_each_kind_of_answer() -> None:
    assert suggestion({"choices": [{"text": " one"}]}) == " one"
    assert suggestion({"content": " two"}) == " two"
