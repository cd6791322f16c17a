from __future__ import annotations

from app.completion.timings import Timings, TokenTimes
from app.engine.messages import Prefilled


def test_timings_are_those_of_the_slowest_choice_in_milliseconds() -> None:
    choices = [
        TokenTimes(10.5, 10.75, Prefilled(1, 0, queue_seconds=0.25, prefill_seconds=0.125)),
        TokenTimes(10.25, 11.25, Prefilled(2, 0, queue_seconds=0.0, prefill_seconds=0.1875)),
    ]
    assert Timings.slowest(10.0, choices) == Timings(
        queue_ms=250.0, prefill_ms=187.5, decode_ms=1000.0, first_token_ms=500.0
    )


def test_a_choice_that_never_had_a_token_counts_for_nothing() -> None:
    begun = TokenTimes(10.5, 10.75, Prefilled(1, 0, queue_seconds=0.25, prefill_seconds=0.125))
    assert Timings.slowest(10.0, [begun, TokenTimes()]) == Timings.slowest(10.0, [begun])
