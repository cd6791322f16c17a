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
    done, _ = serve(Size(), ONE, replace(ONE, client=1))
    # prompt 0 to 0.5, a step of one to 1.5, prompt to 2.0, a step of two to 3.5, a step of one to 4.5
    assert times(done) == [(0.5, 3.5), (2.0, 4.5)]


def test_whoever_finds_no_slot_waits_and_whoever_finds_no_room_is_refused() -> None:
    done, admitted = serve(Size(slots=1, queue=1), ONE, replace(ONE, client=1), replace(ONE, client=2))
    assert admitted == [True, True, False]
    assert times(done) == [(0.5, 2.5), (3.0, 5.0)]
    assert [one.admitted for one in done] == [0, 2.5]


def test_a_replica_that_has_slept_wakes_for_the_next() -> None:
    done, _ = serve(Size(), ONE, replace(ONE, arrival=10.0))
    assert times(done) == [(0.5, 2.5), (10.5, 12.5)]


def test_what_an_earlier_prompt_of_the_client_has_left_is_not_computed_again() -> None:
    later = replace(ONE, arrival=10.0, shared=4)
    done, _ = serve(Size(), ONE, later, replace(later, arrival=20.0, client=1))
    assert [one.cached for one in done] == [0, 4, 0]
    assert times(done) == [(0.5, 2.5), (10.1, 12.1), (20.5, 22.5)]


def test_a_prompt_that_is_there_as_a_whole_still_computes_its_last_token() -> None:
    done, _ = serve(Size(), ONE, replace(ONE, arrival=10.0, shared=5))
    assert [one.cached for one in done] == [0, 4]


def test_the_oldest_prompts_leave_a_full_cache() -> None:
    others = [replace(ONE, arrival=10.0 * n, client=n) for n in (1, 2)]
    again = replace(ONE, arrival=30.0, shared=4)
    room_for_three, _ = serve(Size(cache_tokens=32), ONE, *others, again)
    room_for_two, _ = serve(Size(cache_tokens=23), ONE, *others, again)
    assert room_for_three[-1].cached == 4
    assert room_for_two[-1].cached == 0
