"""Replicas behind a door, in simulated time: what a crowd of clients sees of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import simpy

from bench.studies.cost import Cost
from bench.studies.replica import Replica, Running, Size
from bench.studies.traffic import Request, Traffic

Door = Literal["random", "least", "hash"]
"""Who gets a request: anyone; the replica with the fewest inside; always the same one for a client."""

SIMULATED = 16
"""Replicas at most. Each of more sees what these see: random arrivals, split, stay random."""

TWO_THREADS = Size()

REFUSED_SHARE = 0.001
"""Of the requests, at most, where replicas are said to suffice."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the clients saw.

    Attributes:
        first_token: Seconds from arrival to the first token: 50th, 95th and 99th percentile.
        refused: Share of the requests.
        tokens: Generated tokens a second.
        hits: Share of prompt tokens that were computed before.
        busy: Share of the time in which an engine worked.
        waiting: Sequences of a replica that waited for a slot, on average.
        slots_busy: Slots of a replica that were taken, on average.
    """

    first_token: tuple[float, float, float]
    refused: float
    tokens: float
    hits: float
    busy: float = 0.0
    waiting: float = 0.0
    slots_busy: float = 0.0


def percentiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """The 50th, the 95th and the 99th; none of nothing."""
    return tuple(np.percentile(seconds, (50, 95, 99)).tolist()) if seconds else (0.0, 0.0, 0.0)


def simulate(
    cost: Cost,
    traffic: Traffic,
    *,
    replicas: int = 1,
    size: Size = TWO_THREADS,
    door: Door = "least",
    seconds: float = 120,
    seed: int = 1,
) -> Report:
    """Let a crowd ask some replicas for some time; all that came in is answered before the end."""
    environment = simpy.Environment()
    answered: list[Running] = []
    group = [Replica(environment, cost, size, answered.append) for _ in range(replicas)]
    refused: list[Request] = []
    choose = chooser(door, group, seed)

    def arrive() -> Generator[simpy.Event, None, None]:
        for request in traffic.requests(seconds, seed):
            yield environment.timeout(request.arrival - environment.now)
            if not choose(request).offer(request):
                refused.append(request)

    for replica in group:
        environment.process(replica.run())
    environment.process(arrive())
    environment.run()
    spent = max(environment.now, seconds) * replicas
    waits = [one.first_token - one.request.arrival + cost.overhead for one in answered]
    prompts = sum(one.request.prompt for one in answered)
    return Report(
        percentiles(waits),
        len(refused) / max(1, len(refused) + len(answered)),
        sum(one.request.completion for one in answered) / max(environment.now, seconds),
        sum(one.cached for one in answered) / max(1, prompts),
        sum(replica.busy_seconds for replica in group) / spent,
        sum(one.admitted - one.request.arrival for one in answered) / spent,
        sum(one.finished - one.admitted for one in answered) / spent,
    )


def chooser(door: Door, group: Sequence[Replica], seed: int) -> Callable[[Request], Replica]:
    """Who gets a request."""
    rng = random.Random(seed)
    if door == "hash":
        return lambda request: group[random.Random(request.client).randrange(len(group))]
    if door == "random":
        return lambda _: rng.choice(group)
    return lambda _: min(rng.sample(group, len(group)), key=lambda replica: replica.inside)


def capacity(cost: Cost, traffic: Traffic, size: Size = TWO_THREADS) -> float:
    """Requests a second that one replica answers when there are always more."""
    crowd = Traffic(1e3, traffic.clients, traffic.shared, traffic.own, traffic.completion)
    deep = Size(size.slots, 10**9, size.chunk, size.cache_tokens)
    answered = 600
    report = simulate(cost, crowd, size=deep, seconds=answered / crowd.rate)
    completion = sum(traffic.completion) / 2
    return report.tokens / completion


def replicas_needed(
    cost: Cost,
    traffic: Traffic,
    first_token: float,
    size: Size = TWO_THREADS,
    door: Door = "least",
) -> int:
    """The fewest replicas whose 95th percentile to the first token is within so many seconds."""

    def suffice(count: int) -> bool:
        report = simulate_share(cost, traffic, count, size, door)
        return report.first_token[1] <= first_token and report.refused <= REFUSED_SHARE

    least = max(1, int(traffic.rate / capacity(cost, traffic, size)))
    too_few, enough = least - 1, least
    while not suffice(enough):
        too_few, enough = enough, enough + max(1, enough // 4)
    while enough - too_few > max(1, enough // 200):  # half a percent is closer than the figures are
        middle = (too_few + enough) // 2
        too_few, enough = (too_few, middle) if suffice(middle) else (middle, enough)
    return enough


def simulate_share(cost: Cost, traffic: Traffic, replicas: int, size: Size, door: Door) -> Report:
    """Simulate as many of the replicas as show what all of them do, with their share of the clients."""
    count = min(replicas, SIMULATED)
    share = count / replicas
    part = Traffic(
        traffic.rate * share,
        max(1, round(traffic.clients * share)),
        traffic.shared,
        traffic.own,
        traffic.completion,
    )
    return simulate(cost, part, replicas=count, size=size, door=door)
