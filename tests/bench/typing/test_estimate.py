from __future__ import annotations

import pytest

from bench.typing.estimate import Estimate, bootstrap, quantile, ratio, share


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_a_share_has_the_interval_of_newcombes_examples(
    hits: int, count: int, low: float, high: float
) -> None:
    found = share(hits, count)
    assert found is not None
    assert (found.value, found.count) == (hits / count, count)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_share_of_nothing_is_not_known() -> None:
    assert share(0, 0) is None


def test_texts_that_are_all_alike_leave_no_doubt() -> None:
    assert ratio([(1, 4)] * 5) == Estimate(0.25, 0.25, 0.25, 20)


def test_a_ratio_weighs_texts_by_their_length_and_its_interval_lies_between_theirs() -> None:
    found = ratio([(0, 10), (30, 30)])
    assert found == Estimate(0.75, 0.0, 1.0, 40)


def test_a_ratio_over_nothing_is_not_known() -> None:
    assert ratio([]) is None
    assert ratio([(0, 0)]) is None


def test_draws_without_a_statistic_are_left_out() -> None:
    def both(groups: object) -> float | None:
        return 1.0 if isinstance(groups, list) and set(groups) == {1, 2} else None

    assert bootstrap([1, 2], both, 2) == Estimate(1.0, 1.0, 1.0, 2)


def test_a_quantile_has_the_interval_between_two_order_statistics() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert quantile(values, 0.5) == Estimate(50.5, 41.0, 61.0, 100)
    assert quantile([3.0], 0.95) == Estimate(3.0, 3.0, 3.0, 1)
    assert quantile([], 0.5) is None
