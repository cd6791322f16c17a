from collections.abc import Iterable
from itertools import groupby

import pytest

from app.guard import Guard
from tests.app.guard.rows import HELD_OUT, Row, held_out_rows, own_rows


def wrong(guard: Guard, rows: Iterable[Row]) -> list[str]:
    return [row.text for row in rows if guard.check(row.text).flagged != row.profane]


def test_at_most_one_in_two_hundred_innocent_texts_is_flagged(guard: Guard) -> None:
    innocent = [row for row in own_rows() if not row.profane]

    assert len(innocent) >= 500
    assert len(wrong(guard, innocent)) <= 0.005 * len(innocent)


def test_at_most_one_in_fifty_profane_texts_is_missed(guard: Guard) -> None:
    profane = [row for row in own_rows() if row.profane]

    assert len(profane) >= 400
    assert len(wrong(guard, profane)) <= 0.02 * len(profane)


HARDEST = {"5": (0.01, 0.025), "6": (0.025, 0.03), "9": (0.05, 0.02), "10": (0.034, 0.02), "11": (0.15, 0.02)}
"""Sets of rows that were looked for at the edges of the rules; their known misses stay in."""


@pytest.mark.parametrize("number", HELD_OUT)
@pytest.mark.parametrize("profane", [False, True])
def test_texts_held_out_are_judged_as_well(guard: Guard, number: str, profane: bool) -> None:
    rows = [row for row in held_out_rows(number) if row.profane == profane]

    assert len(wrong(guard, rows)) <= HARDEST.get(number, (0.01, 0.02))[profane] * len(rows)


def test_no_kind_of_profane_text_is_missed_more_often_than_once_in_ten(guard: Guard) -> None:
    rows = sorted((row for row in own_rows() if row.profane), key=lambda row: row.kind)

    for kind, group in groupby(rows, key=lambda row: row.kind):
        texts = list(group)
        assert len(wrong(guard, texts)) <= 0.1 * len(texts), kind


def test_every_row_names_its_source_and_stands_once() -> None:
    rows = own_rows()

    assert all(row.source for row in rows)
    assert len({row.text for row in rows}) == len(rows)
