"""Requests as they arrive: when, whose and how long; the same for the simulation and for the service."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

WORDS = """
time year people way day man thing woman life child world school state family student group country
problem hand part place case week company system program question work government number night point
home water room mother area money story fact month lot right study book eye job word business issue
side kind head house service friend father power hour game line end member law car city name
president team minute idea body
""".split()  # noqa: SIM905
"""Each is one token of every English vocabulary, with the space before it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        arrival: Seconds after the first moment.
        client: Who asks: its prompts begin alike.
        prompt: Tokens of the prompt.
        shared: How many of them all prompts of the client begin with.
        completion: Tokens to generate.
        seed: Of the words after the shared ones.
    """

    arrival: float
    client: int
    prompt: int
    shared: int
    completion: int
    seed: int

    @property
    def text(self) -> str:
        """A prompt of these tokens."""
        begin, end = random.Random(-1 - self.client), random.Random(self.seed)
        words = [begin.choice(WORDS) for _ in range(self.shared)]
        return " ".join(words + [end.choice(WORDS) for _ in range(self.prompt - self.shared)])


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a crowd of clients asks for, at random moments (a Poisson process).

    Attributes:
        rate: Requests a second.
        clients: How many clients take turns, all equally often.
        shared: Tokens that all prompts of one client begin with.
        own: Range of the tokens after them.
        completion: Range of the tokens to generate.
    """

    rate: float
    clients: int = 8
    shared: int = 32
    own: tuple[int, int] = (16, 64)
    completion: tuple[int, int] = (16, 48)

    def requests(self, seconds: float, seed: int) -> Iterator[Request]:
        """Those that arrive within so many seconds; a seed gives the same ones at any rate, only closer."""
        rng = random.Random(seed)
        now, number = 0.0, 0
        while (now := now + rng.expovariate(1.0) / self.rate) < seconds:
            own, completion = rng.randint(*self.own), rng.randint(*self.completion)
            client, number = rng.randrange(self.clients), number + 1
            yield Request(now, client, self.shared + own, self.shared, completion, seed * 1_000_003 + number)
