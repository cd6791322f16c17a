"""Requests in turns, and what is made of their times."""

from __future__ import annotations

from typing import Any

import pytest

from bench.typing.latency import Pair, Typed, compare, rows, type_behind
from bench.typing.texts import Text

TEXTS = [
    Text("note", "en", "The committee considered several alternatives."),
    Text("note", "en", "a b"),
    Text("note", "de", "Der Ausschuss besprach verschiedene Möglichkeiten."),
]


class Service:
    """Answers at once, and searches the first word of German texts."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.searches = 0.0

    def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        self.searches += bool(body.get("token_healing")) and body["prompt"].startswith("Der")
        tokens = len(body["prompt"])
        usage = {"cached_tokens": tokens - 1, "prompt_tokens": tokens}
        return {"timings": {"first_token_ms": float(len(self.bodies))}, "usage": usage}


def test_each_prompt_is_asked_in_turns_and_nothing_is_shared() -> None:
    service = Service()
    pairs = list(compare(TEXTS, service.ask, lambda: service.searches))
    assert [(pair.english, pair.searched) for pair in pairs] == [(True, False), (False, True)]
    assert [body["token_healing"] for body in service.bodies] == [False, True, False, True]
    assert len({body["cache_salt"] for body in service.bodies}) == 4
    first, second, *_ = service.bodies
    assert first["prompt"] == second["prompt"]


def test_keys_are_counted_behind_the_request_that_fills_the_cache() -> None:
    service = Service()
    typed = type_behind("one two", " th", service.ask)
    assert [body["prompt"] for body in service.bodies] == ["one two", "one two ", "one two t", "one two th"]
    assert typed == Typed(7, (2.0, 3.0, 4.0), cached=7 + 8 + 9, prompt=8 + 9 + 10)


def test_the_rows_say_how_much_slower_and_how_often() -> None:
    pairs = [Pair(True, 110, 100, False), Pair(True, 120, 100, False), Pair(False, 160, 100, True)]
    found = {row.what: row.estimate for row in rows(pairs, [Typed(500, (2.0, 4.0, 3.0), 90, 100)])}
    counts = {estimate.count for what, estimate in found.items() if estimate and "English" in what}
    assert counts == {2}
    values = {what: estimate.value for what, estimate in found.items() if estimate}
    assert values == pytest.approx(
        {
            "healed request to unhealed one, English": 1.15,
            "healed request to unhealed one, other languages": 1.6,
            "healed request to unhealed one, searched": 1.6,
            "healed request to unhealed one, not searched": 1.15,
            "first words that are searched, English": 0.0,
            "first words that are searched, other languages": 1.0,
            "tokens of the window that are cached, 500 characters": 0.9,
            "first token, 500 characters": 3.0,
        }
    )
