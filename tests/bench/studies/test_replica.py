from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest
import simpy

from bench.studies.cost import Cost
from bench.studies.replica import Replica, Running, Size
from bench.studies.traffic import Request

COST = Cost(1, ((1, 0.1), (11, 1.1)), ((1, 1.0), (2, 1.5)), 0)
"""0.1 s for a token of a prompt, 1 s for a step of one sequence, half a second for each more."""

ONE = Request(0, client=0, prompt=5, shared=0, completion=3, seed=0)


def serve(size: Size, *requests: Request) -> tuple[list[Running], list[bool]]:
    """What became of requests that are offered at their times, in order of their ends; who was admitted."""
    environment = simpy.Environment()
    done: list[Running] = []
    admitted: list[bool] = []
    replica = Replica(environment, COST, size, done.append)

    def arrive() -> Generator[simpy.Event, None, None]:
        for request in requests:
            yield environment.timeout(request.arrival - environment.now)
            admitted.append(replica.offer(request))

    environment.process(replica.run())
    environment.process(arrive())
    environment.run()
    return done, admitted


def times(done: list[Running]) -> list[tuple[Any, Any]]:
    return [(pytest.approx(one.first_token), pytest.approx(one.finished)) for one in done]


def test_a_lone_request_gets_its_first_token_from_its_prompt_and_one_from_each_step() -> None:
    done, _ = serve(Size(), ONE)
    assert times(done) == [(0.5, 2.5)]


def test_a_prompt_longer_than_a_chunk_costs_its_chunks() -> None:
    done, _ = serve(Size(chunk=2), ONE)
    assert times(done) == [(0.5, 2.5)]


def test_a_completion_of_one_token_ends_with_the_prompt() -> None:
    done, _ = serve(Size(), replace(ONE, completion=1))
    assert times(done) == [(0.5, 0.5)]


def test_prompts_and_steps_take_turns() -> None:
    done, _ = serve(Size(), ONE, other(1))
    # prompt 0 to 0.5, a step of one to 1.5, prompt to 2.0, a step of two to 3.5, a step of one to 4.5
    assert times(done) == [(0.5, 3.5), (2.0, 4.5)]


def test_whoever_finds_no_slot_waits_and_whoever_finds_no_room_is_refused() -> None:
    done, admitted = serve(Size(slots=1, queue=1), ONE, other(1), other(2))
    assert admitted == [True, True, False]
    assert times(done) == [(0.5, 2.5), (3.0, 5.0)]
    assert [one.admitted for one in done] == [0, 2.5]


def test_a_replica_that_has_slept_wakes_for_the_next() -> None:
    done, _ = serve(Size(), ONE, other(1, arrival=10.0))
    assert times(done) == [(0.5, 2.5), (10.5, 12.5)]


def test_what_an_earlier_prompt_of_the_client_has_left_is_not_computed_again() -> None:
    first = replace(ONE, prompt=20, shared=10)
    second, stranger = replace(first, arrival=10.0, seed=1), replace(first, arrival=20.0, seed=2, client=1)
    done, _ = serve(Size(), first, second, stranger)
    assert [one.cached for one in done] == [0, 10, 0]
    assert times(done) == [(2.0, 4.0), (11.0, 13.0), (22.0, 24.0)]


def test_a_request_that_was_answered_before_costs_nothing() -> None:
    done, _ = serve(Size(), ONE, replace(ONE, arrival=10.0))
    assert [one.cached for one in done] == [0, 5]
    assert times(done) == [(0.5, 2.5), (10.0, 10.0)]


def test_the_oldest_prompts_leave_a_full_cache() -> None:
    asked = [replace(ONE, prompt=40, shared=30, client=n, seed=n, arrival=20.0 * n) for n in range(3)]
    again = replace(asked[0], seed=3, arrival=100.0)
    room_for_three, _ = serve(Size(slots=1, cache_tokens=300), *asked, again)
    room_for_two, _ = serve(Size(slots=1, cache_tokens=64 + 100), *asked, again)
    assert room_for_three[-1].cached == 30
    assert room_for_two[-1].cached == 0


def other(number: int, arrival: float = 0.0) -> Request:
    """A request of another client with another text."""
    return replace(ONE, client=number, seed=number, arrival=arrival)
