"""Faults in small, on the real model; `make chaos` does all of them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.chaos.faults import LOST, Fault, engine_killed, engine_stopped, http_stopped, log_refused

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "fault",
    [
        Fault("an engine that stands still for a second", engine_stopped(1.0)),
        Fault("an HTTP process that stands still for a second", http_stopped(1.0)),
        Fault("a killed engine", engine_killed(signal.SIGKILL), LOST),
        Fault("a log that takes nothing", log_refused, log=Path("/dev/full")),
    ],
    ids=lambda fault: fault.name,
)
def test_clients_see_no_more_than_is_allowed_and_service_comes_back(fault: Fault) -> None:
    assert fault.run().back is not None
