"""The choice of a token in a graph, counted beside the engine's sampler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from app.engine.messages import Sampling
from app.engine.sampler import Sampler as Engine
from models.graphs.baked_sampler import Sampler, sample
from models.tflite import ops
from models.tflite.graph import Array, Tensor

Compile = Callable[..., Callable[..., Array]]

DRAWS = 2000
LOGITS = np.array([[2.0, -1.0, 1.5, 0.0, 2.5, -3.0, 1.0, 0.5]], np.float32)

SAMPLERS = [
    Sampler(1.0, seed=1),
    Sampler(0.5, seed=2),
    Sampler(2.0, top_k=5, seed=3),
    Sampler(1.0, top_p=0.7, seed=4),
    Sampler(1.5, top_k=6, top_p=0.8, seed=5),
]


def draw(compiled: Compile, sampler: Sampler, count: int, logits: Array = LOGITS) -> list[int]:
    """Tokens one after the other, each with the state that the last one left."""

    def write(x: Tensor, state: Tensor) -> Tensor:
        fixed = ops.reshape(x, list(logits.shape))
        return ops.concat([*sample(sampler, fixed, ops.reshape(state, [3]))], 0)

    run, state, found = compiled(write, logits, sampler.start), sampler.start, []
    for _ in range(count):
        token, *rest = run(logits, state)
        state = np.array(rest, np.int32)
        found.append(int(token))
    return found


def probabilities(sampler: Sampler) -> Array:
    """What temperature, top-k and top-p leave of LOGITS, by definition."""
    weights = np.exp(LOGITS[0].astype(float) / sampler.temperature)
    order = np.argsort(-weights)
    weights[order[sampler.top_k or len(order) :]] = 0
    weights /= weights.sum()
    before = np.cumsum(weights[order]) - weights[order]
    weights[order[before >= sampler.top_p]] = 0
    found: Array = weights / weights.sum()
    return found


@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_tokens_come_as_often_as_their_probability_says(compiled: Compile, sampler: Sampler) -> None:
    counts = np.bincount(draw(compiled, sampler, DRAWS), minlength=8)
    expected = probabilities(sampler)
    assert not counts[expected == 0].any()
    seen = expected > 0
    deviation = (counts[seen] - DRAWS * expected[seen]) ** 2 / (DRAWS * expected[seen])
    assert deviation.sum() < 30  # chi-square of at most 7 degrees of freedom: exceeded once in 10,000


@pytest.mark.parametrize("sampler", SAMPLERS[2:], ids=str)
def test_the_engine_draws_from_the_same_tokens(compiled: Compile, sampler: Sampler) -> None:
    settings = Sampling(temperature=sampler.temperature, top_k=sampler.top_k, top_p=sampler.top_p, seed=7)
    engine = Engine(settings, [])
    theirs = {engine.choose(LOGITS[0])[0] for _ in range(DRAWS)}
    assert set(draw(compiled, sampler, DRAWS)) == theirs


def test_a_seed_gives_one_sequence_and_another_gives_another(compiled: Compile) -> None:
    first = draw(compiled, Sampler(2.0, seed=1), 50)
    assert draw(compiled, Sampler(2.0, seed=1), 50) == first
    assert draw(compiled, Sampler(2.0, seed=2), 50) != first


def test_successive_draws_are_independent(compiled: Compile) -> None:
    found = np.array(draw(compiled, Sampler(1.0, top_k=2, seed=9), DRAWS)) == 4
    pairs = np.bincount(2 * found[1:] + found[:-1], minlength=4).reshape(2, 2) / (DRAWS - 1)
    assert np.abs(pairs - np.outer(pairs.sum(1), pairs.sum(0))).max() < 0.03


def test_one_token_of_a_whole_vocabulary_is_drawn_fairly(compiled: Compile) -> None:
    """Equal logits of 50,000 tokens: sums in float32 do not favour one end."""
    found = np.array(draw(compiled, Sampler(1.0, seed=3), 400, np.zeros((1, 50_000), np.float32)))
    assert abs(found.mean() / 50_000 - 0.5) < 0.06
    assert found.max() > 49_000
    assert found.min() < 1_000


@pytest.mark.parametrize("state", [[30268, 30306, 30322], [1, 1, 1], [0, 0, 0]])
def test_the_ends_of_the_range_choose_a_token_that_may_be_chosen(compiled: Compile, state: list[int]) -> None:
    sampler = Sampler(1.0, top_k=3, top_p=0.9)

    def write(x: Tensor, start: Tensor) -> Any:
        return sample(sampler, ops.reshape(x, [1, 8]), ops.reshape(start, [3]))[0]

    start = np.array(state, np.int32)
    assert compiled(write, LOGITS, start)(LOGITS, start).tolist()[0] in (0, 2, 4)
