from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.completion.context_window import Window, keep_newest, window_limit


def byte(number: int) -> bytes:
    return bytes([number])


def test_a_prompt_within_its_window_is_kept_whole() -> None:
    assert keep_newest([1, 2, 3], 3, byte) == Window(ids=(1, 2, 3), limit=3, dropped=0)


def test_the_newest_tokens_are_kept() -> None:
    assert keep_newest([1, 2, 3, 4], 2, byte) == Window(ids=(3, 4), limit=2, dropped=2)


def test_the_cut_moves_on_to_where_a_character_begins() -> None:
    ids = list("aé€b".encode())
    assert bytes(keep_newest(ids, 3, byte).ids).decode() == "b"
    assert bytes(keep_newest(ids, 4, byte).ids).decode() == "€b"


def test_at_least_one_token_is_kept_when_no_character_begins() -> None:
    assert keep_newest([0x80, 0x81, 0x82], 2, byte) == Window(ids=(0x81, 0x82), limit=2, dropped=1)


START = 1


def test_a_start_token_stands_before_what_is_kept_and_counts() -> None:
    assert keep_newest([2, 3], 3, byte, START) == Window(ids=(START, 2, 3), limit=3, dropped=0)
    assert keep_newest([2, 3, 4], 3, byte, START) == Window(ids=(START, 3, 4), limit=3, dropped=1)
    assert keep_newest([], 3, byte, START) == Window(ids=(START,), limit=3, dropped=0)


def test_a_start_token_that_stands_there_is_not_written_twice() -> None:
    assert keep_newest([START, 2, 3], 3, byte, START) == Window(ids=(START, 2, 3), limit=3, dropped=0)
    assert keep_newest([START, 2, 3, 4], 3, byte, START) == Window(ids=(START, 3, 4), limit=3, dropped=1)
    assert keep_newest([START], 1, byte, START) == Window(ids=(START,), limit=1, dropped=0)


def test_where_there_is_room_for_one_token_it_is_the_newest() -> None:
    assert keep_newest([2, 3], 1, byte, START) == Window(ids=(3,), limit=1, dropped=1)


def test_prompt_and_completion_fit_the_sequence_length_together() -> None:
    assert window_limit(sequence_length=256, reserved=200, wanted=128) == 56
    assert window_limit(sequence_length=256, reserved=16, wanted=128) == 128


@given(st.text(min_size=1, max_size=30), st.integers(1, 40))
def test_what_is_kept_is_a_whole_ending_of_the_text(text: str, limit: int) -> None:
    window = keep_newest(list(text.encode()), limit, byte)
    assert window.ids
    assert len(window.ids) + window.dropped == len(text.encode())
    if limit >= 4:
        assert len(window.ids) <= limit
        assert text.endswith(bytes(window.ids).decode())


@pytest.mark.parametrize("start_id", [None, 7])
def test_of_no_tokens_none_are_kept(start_id: int | None) -> None:
    found = keep_newest([], 4, lambda _: b"a", start_id)
    assert (found.ids, found.dropped) == (() if start_id is None else (7,), 0)
