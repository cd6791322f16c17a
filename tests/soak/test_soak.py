"""The soak in small, over the scripted engine."""

from __future__ import annotations

import pytest

from tests.service_process import SCRIPTED, service_process
from tests.soak.__main__ import Soak
from tests.soak.kinds import KINDS

pytestmark = pytest.mark.slow


def test_every_kind_of_request_gets_a_right_answer_and_holds_nothing() -> None:
    soak = Soak(300)
    with service_process(SCRIPTED) as service:
        soak.run(service, clients=4, every=20)
    assert soak.wrong == []
    assert {kind for kind, _ in soak.statuses} == set(KINDS)
    _, last, _ = soak.samples[-1]
    warm = [usage["HTTP"] for count, usage, _ in soak.samples if count >= 100]
    assert last["HTTP"].files <= max(usage.files for usage in warm[:-1])
    assert last["HTTP"].threads <= max(usage.threads for usage in warm[:-1])
