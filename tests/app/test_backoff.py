from __future__ import annotations

from app.backoff import STEADY_SECONDS, Backoff


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_start_comes_at_once_and_each_further_one_after_twice_the_wait_up_to_thirty_seconds() -> (
    None
):
    backoff = Backoff(Clock())
    assert [backoff.ended() for _ in range(9)] == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_what_ran_but_not_for_long_waits_longer_each_time() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    waits = []
    for _ in range(4):
        backoff.started()
        clock.now += STEADY_SECONDS - 1
        waits.append(backoff.ended())
    assert waits == [0, 1, 2, 4]


def test_what_ran_for_a_minute_is_started_at_once() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    assert [backoff.ended() for _ in range(4)] == [0, 1, 2, 4]
    backoff.started()
    clock.now += STEADY_SECONDS
    assert [backoff.ended(), backoff.ended()] == [0, 1]


def test_time_between_starts_is_not_taken_for_running() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    waits = []
    for _ in range(3):
        clock.now += 10 * STEADY_SECONDS
        waits.append(backoff.ended())
    assert waits == [0, 1, 2]
