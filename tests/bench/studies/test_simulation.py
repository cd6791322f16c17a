from __future__ import annotations

from dataclasses import replace

import pytest

from bench.studies import simulation
from bench.studies.cost import Cost
from bench.studies.replica import Size
from bench.studies.simulation import Door, capacity, replicas_needed, simulate, simulate_share
from bench.studies.traffic import Traffic

pytestmark = pytest.mark.slow

SERVICE = Cost(1, ((1, 0.1),), ((1, 1.0),), 0.02)
"""Each prompt takes a tenth of a second, whatever its length."""

QUEUE = Traffic(rate=6.0, own=(16, 16), shared=0, completion=(1, 1))
"""With one slot and one token each: a queue with random arrivals and a constant time of service."""

DEEP = Size(slots=1, queue=10_000, cache_tokens=200)


def test_a_queue_is_as_long_as_theory_says() -> None:
    load = QUEUE.rate * 0.1
    report = simulate(SERVICE, QUEUE, size=DEEP, seconds=4_000)
    # Pollaczek and Khinchine for a constant time of service: load² / 2 (1 - load)
    assert report.waiting == pytest.approx(load**2 / (2 * (1 - load)), rel=0.1)
    assert report.busy == pytest.approx(load, rel=0.02)
    assert report.slots_busy == pytest.approx(load, rel=0.02)
    assert report.refused == 0


def test_the_overhead_is_part_of_every_first_token() -> None:
    quiet = replace(QUEUE, rate=0.01)
    assert simulate(SERVICE, quiet, size=DEEP, seconds=5_000).first_token == pytest.approx((0.12,) * 3)


def test_no_requests_make_an_empty_report() -> None:
    report = simulate(SERVICE, replace(QUEUE, rate=1e-9), seconds=1)
    assert (report.first_token, report.refused, report.tokens, report.hits) == ((0, 0, 0), 0, 0, 0)


def test_what_exceeds_the_capacity_is_refused() -> None:
    report = simulate(SERVICE, replace(QUEUE, rate=20.0), size=Size(slots=1, queue=5), seconds=1_000)
    assert report.refused == pytest.approx(0.5, abs=0.01)
    assert report.tokens == pytest.approx(10, rel=0.01)


def test_the_capacity_is_the_rate_at_which_an_engine_never_rests() -> None:
    assert capacity(SERVICE, QUEUE, DEEP) == pytest.approx(10, rel=0.01)
    decoding = replace(QUEUE, completion=(3, 3))
    # two slots: two prompts and, together, two steps
    assert capacity(SERVICE, decoding, Size(slots=2)) == pytest.approx(2 / 2.2, rel=0.05)


def test_the_least_busy_replica_keeps_the_wait_shorter_than_a_random_one_does() -> None:
    waits: dict[Door, float] = {}
    doors: tuple[Door, ...] = ("least", "random")
    for door in doors:
        crowd = replace(QUEUE, rate=12.0)
        waits[door] = simulate(SERVICE, crowd, replicas=2, size=DEEP, door=door, seconds=500).first_token[1]
    assert waits["least"] < waits["random"]


def test_a_hash_sends_a_client_to_the_replica_that_remembers_it() -> None:
    crowd = Traffic(2.0, clients=24, shared=50, own=(10, 10), completion=(10, 10))
    small = Size(cache_tokens=70 * 12)
    hashed, least = (
        simulate(SERVICE, crowd, replicas=2, size=small, door=door, seconds=500).hits
        for door in ("hash", "least")
    )
    assert hashed > 1.2 * least


def test_the_replicas_needed_suffice_and_one_less_does_not() -> None:
    crowd = replace(QUEUE, rate=50.0)
    count = replicas_needed(SERVICE, crowd, 0.3, DEEP)
    assert count > 5
    assert simulate_share(SERVICE, crowd, count, DEEP, "least").first_token[1] <= 0.3
    assert simulate_share(SERVICE, crowd, count - 1, DEEP, "least").first_token[1] > 0.3


def test_ten_thousand_times_the_crowd_needs_about_ten_thousand_times_the_replicas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulation, "SIMULATED", 4)  # of the replicas, which takes a quarter of the time
    few, many = (replicas_needed(SERVICE, replace(QUEUE, rate=rate), 0.3, DEEP) for rate in (200, 2_000_000))
    assert many == pytest.approx(10_000 * few, rel=0.1)
