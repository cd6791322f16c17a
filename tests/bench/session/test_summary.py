from __future__ import annotations

import pytest

from bench.machine import Usage
from bench.session.services import OURS
from bench.session.stretch import Stretch
from bench.session.summary import best_peer, figures, summarize


def typed(*milliseconds: float, processor: float = 0.0) -> Stretch:
    return Stretch(milliseconds, tuple("" for _ in milliseconds), processor, Usage(0.02, 0.04))


def test_keys_of_all_stretches_count_alike() -> None:
    found = figures([typed(1.0, 2.0, processor=30.0), typed(9.0, 3.0, 4.0, processor=70.0)])
    assert (found.keys, found.median, found.p95, found.processor) == (5, 3.0, 9.0, 20.0)
    assert (found.others, found.steal) == (0.02, 0.04)


def test_a_way_whose_stretches_were_all_disturbed_has_no_figures() -> None:
    assert list(summarize({OURS: [typed(1.0)], "a peer": []})) == [OURS]


def test_ours_is_compared_with_the_peer_that_is_fastest() -> None:
    found = summarize(
        {
            OURS: [typed(2.0, processor=5.0)],
            "slow": [typed(40.0, processor=20.0)],
            "fast": [typed(16.0, processor=10.0)],
        }
    )
    assert best_peer(found) == "fast"
    assert found[OURS].over(found["fast"]) == pytest.approx((1 / 8, 1 / 8, 1 / 2))
    assert best_peer({OURS: found[OURS]}) is None
