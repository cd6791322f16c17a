from __future__ import annotations

from pathlib import Path

import pytest

from bench.studies.cost import Cost, mean_cost, read_cost

COST = Cost(2, ((10, 0.02), (20, 0.03)), ((1, 0.01), (4, 0.016)), 0.002)


@pytest.mark.parametrize(("tokens", "seconds"), [(1, 0.02), (10, 0.02), (15, 0.025), (20, 0.03), (40, 0.05)])
def test_a_chunk_costs_what_lies_between_its_neighbours_and_beyond_on_their_line(
    tokens: int, seconds: float
) -> None:
    assert COST.prefill_seconds(tokens) == pytest.approx(seconds)


def test_one_measured_size_stands_for_all() -> None:
    assert Cost(1, ((8, 0.5),), ((1, 0.1),), 0).prefill_seconds(64) == 0.5
    assert COST.decode_seconds(2) == pytest.approx(0.012)


def test_a_written_cost_is_read_again(tmp_path: Path) -> None:
    COST.write(tmp_path / "cost.json", {"cores": 2})
    assert read_cost(tmp_path / "cost.json") == COST


def test_the_mean_of_two_measurements_lies_halfway() -> None:
    dearer = Cost(2, ((10, 0.04), (20, 0.07)), ((1, 0.03), (4, 0.020)), 0.004)
    mean = mean_cost(COST, dearer)
    assert [mean.prefill_seconds(tokens) for tokens in (10, 20)] == pytest.approx([0.03, 0.05])
    assert [mean.decode_seconds(sequences) for sequences in (1, 4)] == pytest.approx([0.02, 0.018])
    assert mean.overhead == pytest.approx(0.003)
