from __future__ import annotations

from itertools import pairwise

import pytest

from bench.studies.traffic import Request, Traffic


def test_arrivals_come_at_the_rate_in_random_gaps() -> None:
    requests = list(Traffic(50).requests(200, seed=1))
    gaps = [b.arrival - a.arrival for a, b in pairwise(requests)]
    assert len(requests) == pytest.approx(10_000, rel=0.02)
    assert sum(gap > 1 / 50 for gap in gaps) / len(gaps) == pytest.approx(0.3679, abs=0.01)  # 1/e


def test_a_seed_means_the_same_requests_at_any_rate() -> None:
    slow, fast = list(Traffic(1).requests(20, seed=3)), list(Traffic(2).requests(10, seed=3))
    assert [(r.client, r.prompt, r.completion, r.seed) for r in slow] == [
        (r.client, r.prompt, r.completion, r.seed) for r in fast
    ]
    assert [r.arrival for r in slow] == pytest.approx([2 * r.arrival for r in fast])


def test_lengths_stay_within_their_ranges() -> None:
    traffic = Traffic(10, clients=3, shared=5, own=(2, 4), completion=(1, 2))
    requests = list(traffic.requests(30, seed=1))
    assert {r.client for r in requests} == {0, 1, 2}
    assert {r.prompt - r.shared for r in requests} == {2, 3, 4}
    assert {r.completion for r in requests} == {1, 2}


def test_prompts_of_one_client_begin_alike_and_end_each_in_its_own_way() -> None:
    first, second, other = (
        Request(0, client, 12, 8, 1, seed).text.split() for client, seed in [(0, 1), (0, 2), (1, 1)]
    )
    assert len(first) == 12
    assert first[:8] == second[:8] != other[:8]
    assert first[8:] != second[8:]
    assert first[8:] == other[8:]
