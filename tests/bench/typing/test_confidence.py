from __future__ import annotations

import pytest

from bench.typing.carets import Caret
from bench.typing.confidence import area, auc, reliability, right_between, scored, threshold
from bench.typing.positions import Position
from bench.typing.suggestion import Suggestion
from bench.typing.texts import Text


def position(confidence: float | None, right: bool, text: str = "a", shown: bool = True) -> Position:
    suggestion = Suggestion(("yes" if right else "no") if shown else "", confidence)
    return Position(Text("note", "en", text), Caret("word", 1), "yes", suggestion)


FOUR = [position(0.9, True), position(0.8, False), position(0.4, True), position(0.1, False)]


def test_only_what_was_shown_with_a_confidence_is_judged() -> None:
    assert scored([*FOUR, position(None, True), position(0.0, False, shown=False)]) == [
        (0.9, True),
        (0.8, False),
        (0.4, True),
        (0.1, False),
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([(0.9, True), (0.1, False)], 1.0),
        ([(0.1, True), (0.9, False)], 0.0),
        ([(0.5, True), (0.5, False)], 0.5),  # a tie is half a pair
        ([(0.9, True), (0.8, False), (0.4, True), (0.1, False)], 0.75),
        ([(0.9, True)], None),
        ([(0.9, False)], None),
    ],
)
def test_the_area_is_the_share_of_pairs_in_the_right_order(
    values: list[tuple[float, bool]], expected: float | None
) -> None:
    assert area(values) == expected


def test_the_area_is_drawn_anew_by_text() -> None:
    found = auc([position(0.9, True, text) for text in "ab"] + [position(0.1, False, text) for text in "ab"])
    assert found is not None
    assert (found.value, found.low, found.high, found.count) == (1.0, 1.0, 1.0, 4)
    assert auc([]) is None


def test_calibration_counts_what_was_stated_between_two_values() -> None:
    found = right_between(FOUR, 0.4, 0.9)
    assert found is not None
    assert (found.value, found.count) == (0.5, 2)
    assert right_between(FOUR, 0.95, 1.0) is None


def test_a_threshold_leaves_precision_of_what_is_shown_and_coverage_of_all_carets() -> None:
    found = threshold([*FOUR, position(0.0, False, shown=False)], 0.4)
    assert found.precision is not None
    assert found.coverage is not None
    assert (found.precision.value, found.precision.count) == (2 / 3, 3)
    assert (found.coverage.value, found.coverage.count) == (3 / 5, 5)


def test_a_service_that_states_no_confidence_has_no_threshold() -> None:
    found = threshold([position(None, True)], 0.4)
    assert (found.precision, found.coverage) == (None, None)


def test_reliability_has_bins_of_equal_width() -> None:
    found = reliability([position(1.0, True), position(0.75, True), position(0.55, False)], bins=2)
    assert len(found) == 1
    assert found[0].stated == pytest.approx(2.3 / 3)
    assert (found[0].right.value, found[0].right.count) == (2 / 3, 3)
    assert reliability([]) == []
