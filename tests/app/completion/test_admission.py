from __future__ import annotations

from contextlib import ExitStack

import pytest

from app.completion.admission import PATIENCE, Admission
from app.errors import OverloadedError


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_capacity_is_never_exceeded() -> None:
    admission = Admission(3)
    with admission.permit(2), admission.permit(1), pytest.raises(OverloadedError), admission.permit(1):
        pass
    assert admission.admitted == 0


def test_a_request_takes_all_its_places_or_none() -> None:
    admission = Admission(3)
    with admission.permit(2):
        with pytest.raises(OverloadedError), admission.permit(2):
            pass
        assert admission.admitted == 2


def test_requests_are_counted_beside_their_sequences() -> None:
    admission = Admission(3)
    with admission.permit(2), admission.permit(1):
        assert (admission.requests, admission.admitted) == (2, 3)
    assert admission.requests == 0


def test_a_permit_is_returned_when_its_work_fails() -> None:
    admission = Admission(1)
    with pytest.raises(RuntimeError), admission.permit(1):
        raise RuntimeError
    assert admission.admitted == 0


def retry_after(admission: Admission) -> float:
    with pytest.raises(OverloadedError) as refusal, admission.permit(1):
        pass
    return refusal.value.retry_after


def test_retry_after_follows_the_measured_drain_rate() -> None:
    clock = Clock()
    admission = Admission(1, clock)
    for _ in range(200):
        with admission.permit(1):
            clock.now += 8.0
    with admission.permit(1):
        assert retry_after(admission) == pytest.approx(8 * PATIENCE, abs=1)


def test_the_refused_are_asked_back_one_after_the_other() -> None:
    clock = Clock()
    admission = Admission(4, clock)
    for _ in range(200):
        with admission.permit(1):
            clock.now += 8.0
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(admission.permit(1))
        waits = [retry_after(admission) for _ in range(5)]
    assert waits == sorted(waits)
    assert waits[4] == pytest.approx(5 * waits[0], abs=5)


def test_idle_time_does_not_count_as_slow_draining() -> None:
    clock = Clock()
    admission = Admission(1, clock)
    for _ in range(200):
        with admission.permit(1):
            clock.now += 0.1
        clock.now += 100.0
    with admission.permit(1):
        assert retry_after(admission) == 1


def test_no_more_are_asked_back_for_one_second_than_have_room_at_once() -> None:
    clock = Clock()
    admission = Admission(4, clock)
    for _ in range(200):
        with admission.permit(1):
            clock.now += 0.001
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(admission.permit(1))
        waits = [retry_after(admission) for _ in range(12)]
    assert waits == [1] * 4 + [2] * 4 + [3] * 4
