from __future__ import annotations

from app.engine.failures import FAILURES, FailureStreak


def failed(times: int) -> FailureStreak:
    streak = FailureStreak()
    for _ in range(times):
        streak.failed()
    return streak


def test_a_streak_of_failures_is_failing() -> None:
    assert [failed(times).failing for times in (0, FAILURES - 1, FAILURES, FAILURES + 1)] == [
        False,
        False,
        True,
        True,
    ]


def test_a_success_ends_the_streak() -> None:
    streak = failed(FAILURES)
    streak.succeeded()
    for _ in range(FAILURES - 1):
        streak.failed()
    assert not streak.failing


def test_after_a_probe_one_failure_is_enough() -> None:
    streak = failed(FAILURES + 3)
    streak.probed()
    assert not streak.failing
    streak.failed()
    assert streak.failing


def test_a_probe_of_an_engine_that_works_makes_nothing_worse() -> None:
    streak = failed(1)
    streak.probed()
    for _ in range(FAILURES - 2):
        streak.failed()
    assert not streak.failing
