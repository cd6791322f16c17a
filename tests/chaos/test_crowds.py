"""Crowds in small, over the scripted engine; `make chaos` brings them to the real model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.crowds import Ending, ask, burst, departure, ending, refusals
from tests.service_process import ServiceProcess, service_process

pytestmark = pytest.mark.slow

SLOTS, QUEUE = 2, 6
LIMITS: dict[str, Any] = {"slots": SLOTS, "queue_size": QUEUE, "profanity": "off"}


@pytest.fixture
def service() -> Iterator[ServiceProcess]:
    """An engine that takes 20 ms for a token, and of which 8 sequences are admitted."""
    with service_process(("tests.app.fake_service", "0.02"), **LIMITS) as service:
        yield service


def test_a_burst_of_ten_times_the_capacity_gets_only_200_and_429(service: ServiceProcess) -> None:
    burst(service, SLOTS + QUEUE, tokens=4)  # a rate is known once something has been served
    found = burst(service, 10 * (SLOTS + QUEUE), tokens=4)
    assert found.first.keys() <= {200, 429}
    assert found.first.total() == 10 * (SLOTS + QUEUE)
    assert found.returned.total() == found.first[429]


def test_a_full_server_refuses_and_serves_again(tmp_path: Path) -> None:
    waiting = ("tests.app.fake_service", str(tmp_path / "answer"))
    with service_process(waiting, **LIMITS) as service:
        assert len(refusals(service, SLOTS + QUEUE, SLOTS, count=20)) == 20
        (tmp_path / "answer").touch()
        assert ask(service).status == 200


def test_clients_that_leave_free_everything() -> None:
    slow = ("tests.app.fake_service", "0.3")
    with service_process(slow, **LIMITS) as service:
        left = departure(service, clients=SLOTS + QUEUE)
        assert left.tokens_after <= SLOTS + QUEUE  # one of each was on its way
        assert ask(service, max_tokens=1).status == 200


def test_what_is_inside_at_sigterm_is_answered(service: ServiceProcess) -> None:
    found = ending(service)
    assert found == Ending(Counter({200: 8}), found.seconds, 0)
