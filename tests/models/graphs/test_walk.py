from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.graphs.walk import visited
from models.tflite.graph import Array

Compile = Callable[..., Callable[..., Array]]


def walked(step: list[int]) -> list[int]:
    seen, at = [0] * len(step), 0
    while at < len(step):
        seen[at], at = 1, step[at]
    return seen


def test_a_walk_visits_where_its_steps_lead(compiled: Compile) -> None:
    run = compiled(visited, np.ones(1, np.int32))
    assert run(np.array([2, 2, 5, 4, 5, 6], np.int32)).tolist() == [1, 0, 1, 0, 0, 1]
    assert run(np.array([1], np.int32)).tolist() == [1]
    assert run(np.array([], np.int32)).tolist() == []


@pytest.mark.parametrize("longest", [1, 2, 3, 9, 400])
def test_any_walk(compiled: Compile, longest: int) -> None:
    run = compiled(visited, np.ones(1, np.int32))
    rng = np.random.Generator(np.random.PCG64(longest))
    for n in (1, 2, 7, 64, 1000):
        step = np.minimum(np.arange(n) + rng.integers(1, longest + 1, n), n).astype(np.int32)
        assert run(step).tolist() == walked(step.tolist())
