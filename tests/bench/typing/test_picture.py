from __future__ import annotations

from pathlib import Path

from bench.typing.confidence import Bin, Threshold
from bench.typing.estimate import Estimate
from bench.typing.picture import draw

HALF = Estimate(0.5, 0.4, 0.6, 10)


def test_the_same_figures_are_the_same_picture(tmp_path: Path) -> None:
    pictures = []
    for _ in range(2):
        draw(
            [Threshold(0.0, HALF, HALF), Threshold(0.5, None, HALF)],
            [Bin(0.5, HALF)],
            [0.35],
            tmp_path / "a.svg",
        )
        pictures.append((tmp_path / "a.svg").read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"<?xml")
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


def test_a_service_that_states_no_confidence_has_an_empty_picture(tmp_path: Path) -> None:
    draw([Threshold(0.0, None, None)], [], [], tmp_path / "a.svg")
    assert (tmp_path / "a.svg").exists()
