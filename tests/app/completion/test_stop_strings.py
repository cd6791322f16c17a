from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.completion.stop_strings import StopScanner


def scan(stops: list[str], pieces: list[str]) -> str:
    scanner = StopScanner(stops)
    return "".join([scanner.push(piece) for piece in pieces] + [scanner.finish()])


def first_to_complete(stops: list[str], text: str) -> str:
    """The text before the stop string that is complete first: character by character."""
    for end in range(1, len(text) + 1):
        starts = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        if starts:
            return text[: min(starts)]
    return text


def test_a_stop_string_is_found_across_pieces_and_dropped() -> None:
    assert scan(["\n\n"], ["one\n", "\ntwo"]) == "one"


def test_what_may_become_a_stop_string_is_held_back() -> None:
    scanner = StopScanner(["END"])
    assert scanner.push("the E") == "the "
    assert scanner.push("N") == ""
    assert scanner.push("T") == "ENT"
    assert not scanner.found


def test_what_was_held_back_is_passed_on_at_the_end() -> None:
    assert scan(["END"], ["the EN"]) == "the EN"


def test_nothing_follows_a_stop_string() -> None:
    scanner = StopScanner(["."])
    assert scanner.push("a. b") == "a"
    assert scanner.found
    assert scanner.push("c") == ""
    assert scanner.finish() == ""


@given(
    st.lists(st.text("ab", min_size=1, max_size=4), max_size=4),
    st.lists(st.text("abc", max_size=6), max_size=8),
)
def test_how_a_text_is_cut_into_pieces_does_not_matter(stops: list[str], pieces: list[str]) -> None:
    assert scan(stops, pieces) == first_to_complete(stops, "".join(pieces))
