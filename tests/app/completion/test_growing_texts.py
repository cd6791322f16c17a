from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.completion.growing_texts import OPEN, STEP, GrowingTexts
from app.guard import Guard
from app.guard.candidates import Memo
from app.guard.guard import Left, Settled
from tests.app.guard.strategies import texts

PROSE = "Once upon a time there was a small house at the edge of a large wood. "


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Characters of each text that the guard looked at."""
    looks: list[int] = []
    settle = Guard.settle

    def counted(self: Guard, text: str, left: Left, *, last: bool, memo: Memo | None = None) -> Settled:
        looks.append(len(text))
        return settle(self, text, left, last=last, memo=memo)

    monkeypatch.setattr(Guard, "settle", counted)
    return looks


@given(st.lists(texts, max_size=4), st.integers(1, 12))
def test_a_text_that_grows_is_judged_like_a_new_one(guard: Guard, pieces: list[str], step: int) -> None:
    growing, text = GrowingTexts(step), ""
    for piece in pieces:
        text += piece
        assert growing.check(guard, text) == guard.check(text)


@given(texts, texts, texts, st.integers(1, 12))
def test_a_text_that_goes_on_otherwise_is_judged_like_a_new_one(
    guard: Guard, beginning: str, one: str, other: str, step: int
) -> None:
    growing = GrowingTexts(step)
    growing.check(guard, beginning + one)
    assert growing.check(guard, beginning + other) == guard.check(beginning + other)


def test_only_the_end_of_a_text_that_grows_is_looked_at(guard: Guard, looks: list[int]) -> None:
    growing, text = GrowingTexts(), PROSE * 100
    growing.check(guard, text)
    assert growing.unread(guard, text + "and") < STEP + OPEN
    looks.clear()
    growing.check(guard, text + "and")
    assert len(looks) == 1
    assert looks[0] == growing.unread(guard, text + "and")


def test_a_new_text_is_unread(guard: Guard) -> None:
    assert GrowingTexts().unread(guard, PROSE) == len(PROSE)


def test_a_text_that_never_settles_is_looked_at_twice_at_most(guard: Guard, looks: list[int]) -> None:
    text = "f" + "u" * 8000
    assert GrowingTexts().check(guard, text) == guard.check(text)
    assert sum(looks) <= len(text) + 2 * STEP


def test_what_one_guard_judged_is_not_taken_for_anothers(guard: Guard) -> None:
    other = Guard(guard.table, guard.lexicon, guard.context, "another list")
    growing, text = GrowingTexts(), PROSE * 20
    growing.check(guard, text)
    assert growing.unread(other, text) == len(text)
