from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.engine.kv.arrays import Floats
from app.engine.messages import Sampling
from app.engine.sampler import UNLIKELY, Sampler, logprob

NEAR = 1e-5
"""Shares of probability that single precision cannot tell apart."""


def floats(*values: float) -> Floats:
    return np.array(values, np.float32)


def of_probabilities(*probabilities: float) -> Floats:
    return np.log(floats(*probabilities))


def draws(logits: Floats, count: int = 2000, **sampling: Any) -> Counter[int]:
    """How often each token is drawn."""
    sampler = Sampler(replace(Sampling(temperature=1.0, seed=3), **sampling), ())
    return Counter(sampler.choose(logits)[0] for _ in range(count))


def kept(logits: Floats, count: int = 2000, **sampling: Any) -> list[int]:
    return sorted(draws(logits, count, **sampling))


def greedy(logits: Floats, sampling: Sampling, prompt: tuple[int, ...] = (), count: int = 1) -> list[int]:
    sampler = Sampler(sampling, prompt)
    return [sampler.choose(logits)[0] for _ in range(count)]


class Slow:
    """The rules one after the other, token by token."""

    def __init__(self, sampling: Sampling, prompt: list[int]) -> None:
        self.sampling = sampling
        self.random = np.random.Generator(np.random.PCG64(sampling.seed))
        self.prompt = prompt
        self.generated: list[int] = []

    def choose(self, logits: Floats) -> int:
        scores = [self.adjusted(token, float(logit)) for token, logit in enumerate(logits)]
        greedy = self.sampling.temperature == 0
        token = scores.index(max(scores)) if greedy else self.draw(self.cut(scores))
        self.generated.append(token)
        return token

    def adjusted(self, token: int, score: float) -> float:
        s = self.sampling
        if token in self.prompt or token in self.generated:
            score = score / s.repetition_penalty if score > 0 else score * s.repetition_penalty
        count = self.generated.count(token)
        if count:
            score = float(np.float32(score)) - (s.presence_penalty + s.frequency_penalty * count)
        for biased, bias in s.logit_bias:
            if biased == token:
                score = float(np.float32(score)) + bias
        return float(np.float32(score))

    def cut(self, scores: list[float]) -> dict[int, float]:
        """Weights of the tokens that stay; the likeliest weighs 1."""
        s, most = self.sampling, max(scores)
        weights = {token: math.exp((score - most) / s.temperature) for token, score in enumerate(scores)}
        ranked = sorted(weights, key=lambda token: -scores[token])  # stable: of equals the lower id first
        if s.top_k:
            ranked = ranked[: s.top_k]
        if s.top_p < 1:
            total, held, nucleus = sum(weights[token] for token in ranked), 0.0, []
            for token in ranked:
                if held >= s.top_p * total:
                    break
                nucleus.append(token)
                held += weights[token]
                assume(abs(held - s.top_p * total) > NEAR * total)
            ranked = nucleus
        assume(all(abs(weights[token] - s.min_p) > NEAR for token in ranked))
        return {token: weights[token] for token in sorted(ranked) if weights[token] >= s.min_p}

    def draw(self, weights: dict[int, float]) -> int:
        target = self.random.random() * sum(weights.values())
        below = 0.0
        for token, weight in weights.items():
            below += weight
            assume(abs(below - target) > NEAR * sum(weights.values()))
            if target < below:
                return token
        raise AssertionError("the target lies below the sum")


def single(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=32)


samplings = st.builds(
    Sampling,
    temperature=st.just(0.0) | st.floats(0.05, 3),
    top_k=st.just(0) | st.integers(1, 12) | st.integers(1, 400),
    top_p=st.just(1.0) | st.floats(0.01, 0.9999),
    min_p=st.just(0.0) | st.floats(0.001, 1),
    repetition_penalty=st.just(1.0) | single(0.5, 2),
    presence_penalty=st.just(0.0) | st.floats(-2, 2),
    frequency_penalty=st.just(0.0) | st.floats(-2, 2),
    logit_bias=st.lists(st.tuples(st.integers(0, 4), st.floats(-100, 100)), max_size=3).map(tuple),
    seed=st.integers(0, 2**63 - 1),
)


@given(
    samplings,
    st.sampled_from([5, 40, 300]),
    st.sampled_from([0.3, 2.0, 10.0]),
    st.booleans(),
    st.integers(0, 2**32),
    st.lists(st.integers(0, 4), max_size=4),
)
def test_tokens_are_those_of_the_rules_applied_one_by_one(
    sampling: Sampling, vocabulary: int, spread: float, ties: bool, numbers: int, prompt: list[int]
) -> None:
    rng = np.random.Generator(np.random.PCG64(numbers))
    fast, slow = Sampler(sampling, prompt), Slow(sampling, prompt)
    for _ in range(4):
        logits = rng.standard_normal(vocabulary, np.float32) * np.float32(spread)
        if ties:
            logits = np.rint(logits)
        assert fast.choose(logits)[0] == slow.choose(logits)


def test_without_a_temperature_the_likeliest_token_is_chosen_and_of_equals_the_first() -> None:
    assert greedy(floats(1, 3, 2), Sampling()) == [1]
    assert greedy(floats(1, 3, 3), Sampling()) == [1]


def test_cuts_do_not_matter_without_a_temperature() -> None:
    assert greedy(floats(1, 3, 2), Sampling(top_k=2, top_p=0.1, min_p=0.5)) == [1]


@pytest.mark.parametrize("cut", [{}, {"top_k": 2}, {"top_p": 0.9}, {"min_p": 0.1}])
def test_a_temperature_near_zero_is_greedy(cut: dict[str, Any]) -> None:
    assert kept(floats(1, 1.001, 0.999), temperature=1e-6, **cut) == [1]


@pytest.mark.parametrize(
    ("k", "tokens"), [(1, [2]), (2, [0, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (6, [0, 1, 2, 3, 4])]
)
def test_top_k_keeps_the_likeliest_and_of_equals_the_first(k: int, tokens: list[int]) -> None:
    assert kept(floats(2, 2, 3, 1, 1), top_k=k) == tokens


@pytest.mark.parametrize(("p", "tokens"), [(0.01, [1]), (0.49, [1]), (0.51, [1, 2]), (0.76, [0, 1, 2])])
def test_top_p_keeps_the_fewest_tokens_that_hold_the_share(p: float, tokens: list[int]) -> None:
    assert kept(of_probabilities(0.125, 0.5, 0.25, 0.125), top_p=p) == tokens


def test_a_nucleus_may_need_tokens_that_are_very_unlikely() -> None:
    logits = np.full(100_000, -UNLIKELY - 1, np.float32)  # 0.23 together
    logits[7] = 0
    found = kept(logits, count=100, top_p=0.9)
    assert len(found) > 3
    assert max(found) < 100_000 * (0.9 * 1.227 - 1) / 0.226


@pytest.mark.parametrize(("p", "tokens"), [(0.9, [1]), (0.49, [1, 2]), (0.24, [0, 1, 2, 3])])
def test_min_p_keeps_tokens_by_their_share_of_the_likeliest(p: float, tokens: list[int]) -> None:
    assert kept(of_probabilities(0.125, 0.5, 0.25, 0.125), min_p=p) == tokens


def test_the_share_of_top_p_is_of_what_top_k_left() -> None:
    logits = of_probabilities(0.4, 0.3, 0.2, 0.1)
    assert kept(logits, top_p=0.56) == [0, 1]
    assert kept(logits, top_p=0.56, top_k=2) == [0]


def test_the_temperature_comes_before_the_cuts() -> None:
    logits = of_probabilities(0.6, 0.3, 0.1)
    assert kept(logits, top_p=0.55) == [0]
    assert kept(logits, top_p=0.55, temperature=2.0) == [0, 1]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_are_the_probabilities(temperature: float) -> None:
    logits, count = floats(0, 1, 2, 3, -1, 2), 20_000
    weights = np.exp(logits.astype(float) / temperature)
    expected = count * weights / weights.sum()
    found = draws(logits, count=count, temperature=temperature)
    chi_squared = sum((found[token] - expected[token]) ** 2 / expected[token] for token in range(len(logits)))
    assert chi_squared < 20.5  # 5 degrees of freedom: exceeded once in a thousand seeds


def test_frequencies_after_a_cut_keep_their_proportions() -> None:
    found = draws(of_probabilities(0.1, 0.4, 0.2, 0.3), count=20_000, top_k=3)
    assert {token: count / 20_000 for token, count in found.items()} == pytest.approx(
        {1: 4 / 9, 2: 2 / 9, 3: 3 / 9}, abs=0.01
    )


def test_a_repetition_penalty_pulls_seen_tokens_towards_zero_and_below() -> None:
    sampling = Sampling(repetition_penalty=2.0)
    assert greedy(floats(4, 3, -9), sampling, prompt=(0,)) == [1]
    assert greedy(floats(-4, -5, -9), sampling, prompt=(0,)) == [1]
    assert greedy(floats(4, 3, 1), sampling, count=3) == [0, 1, 0]


def test_a_presence_penalty_is_subtracted_once_and_not_for_the_prompt() -> None:
    sampling = Sampling(presence_penalty=1.5)
    assert greedy(floats(4, 3, 0), sampling, prompt=(0,), count=5) == [0, 1, 0, 0, 0]


def test_a_frequency_penalty_is_subtracted_each_time_and_not_for_the_prompt() -> None:
    sampling = Sampling(frequency_penalty=1.5)
    assert greedy(floats(4, 3, 0), sampling, prompt=(0,), count=5) == [0, 1, 0, 1, 0]


def test_biases_of_one_token_add_up() -> None:
    assert greedy(floats(4, 3, 0), Sampling(logit_bias=((2, 2.0), (2, 2.5)))) == [2]
    assert greedy(floats(4, 3, 0), Sampling(logit_bias=((0, -100.0),))) == [1]


def test_the_logits_are_left_as_they_are() -> None:
    logits = floats(4, 3, 0)
    Sampler(Sampling(1.0, 2, 0.9, 0.1, 1.2, 0.5, 0.5, ((1, 3.0),), logprobs=2), (0, 1)).choose(logits)
    assert logits.tolist() == [4, 3, 0]


def test_one_seed_gives_one_text_and_another_seed_another() -> None:
    logits = np.random.Generator(np.random.PCG64(1)).standard_normal((50, 300), np.float32)

    def text(seed: int) -> list[int]:
        sampler = Sampler(Sampling(temperature=1.0, seed=seed), ())
        return [sampler.choose(row)[0] for row in logits]

    assert text(5) == text(5)
    assert text(5) != text(6)


def test_the_randomness_of_a_step_depends_on_the_seed_and_the_step_alone() -> None:
    logits = np.random.Generator(np.random.PCG64(1)).standard_normal(300, np.float32)
    chosen = []
    for earlier in (floats(0, 0), np.zeros(1000, np.float32)):
        sampler = Sampler(Sampling(temperature=1.0, top_p=0.9, seed=8), ())
        for _ in range(5):
            sampler.choose(earlier)
        chosen.append(sampler.choose(logits)[0])
    assert chosen[0] == chosen[1]


def test_a_token_of_no_probability_is_never_drawn() -> None:
    assert kept(floats(0, -math.inf, 0)) == [0, 2]
    assert kept(floats(0, -math.inf, 0), top_k=3, min_p=0.01) == [0, 2]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_not_finite_are_refused(temperature: float, bad: float) -> None:
    with pytest.raises(FloatingPointError, match="the model's logits are not finite"):
        Sampler(Sampling(temperature=temperature), ()).choose(floats(0, bad, 1))
    with pytest.raises(FloatingPointError, match="the model's logits are not finite"):
        Sampler(Sampling(temperature=temperature), ()).choose(floats(-math.inf, -math.inf))


@given(st.integers(0, 2**32), st.sampled_from([0.1, 3.0, 30.0]), st.integers(0, 10))
def test_logprobs_are_the_logarithms_of_the_probabilities(numbers: int, spread: float, top: int) -> None:
    rng = np.random.Generator(np.random.PCG64(numbers))
    logits = rng.standard_normal(50, np.float32) * np.float32(spread)
    wide = logits.astype(float)
    expected = wide - wide.max() - np.log(np.exp(wide - wide.max()).sum())
    found = logprob(logits, 7, top)
    assert found.chosen == pytest.approx(expected[7], abs=1e-5)
    assert [token for token, _ in found.top] == np.argsort(-wide, kind="stable")[:top].tolist()
    assert [value for _, value in found.top] == pytest.approx([expected[i] for i, _ in found.top], abs=1e-5)


def test_of_equally_likely_alternatives_the_lower_ids_are_reported() -> None:
    logits = np.zeros(1000, np.float32)
    assert [token for token, _ in logprob(logits, 5, 3).top] == [0, 1, 2]


def test_logprobs_are_those_before_temperature_penalties_and_cuts() -> None:
    logits = of_probabilities(0.5, 0.25, 0.125, 0.125)
    plain = Sampling(logprobs=2)
    shaped = replace(plain, temperature=0.5, top_k=1, logit_bias=((3, 50.0),))
    token, found = Sampler(shaped, ()).choose(logits)
    assert token == 3
    assert found == logprob(logits, 3, 2)
    assert found.chosen == pytest.approx(math.log(0.125))
    assert [(token, round(math.exp(value), 3)) for token, value in found.top] == [(0, 0.5), (1, 0.25)]


def test_no_logprobs_unless_they_are_asked_for_and_none_but_the_chosen_one_for_zero() -> None:
    logits = of_probabilities(0.5, 0.5)
    assert Sampler(Sampling(), ()).choose(logits) == (0, None)
    _, found = Sampler(Sampling(logprobs=0), ()).choose(logits)
    assert found is not None
    assert found.top == ()
    assert found.chosen == pytest.approx(math.log(0.5))


@pytest.mark.parametrize("temperature", [1e-300, 1e-30, 9e-6])
@pytest.mark.parametrize("cuts", [{}, {"top_k": 5}, {"top_p": 0.9}, {"min_p": 0.1}])
def test_a_tiny_temperature_is_greedy(temperature: float, cuts: dict[str, Any]) -> None:
    logits = floats(5.0, 30.0, 29.999, -30.0, 30.0)
    assert draws(logits, 50, temperature=temperature, **cuts) == {1: 50}


@pytest.mark.parametrize("temperature", [1e-5, 1e-3, 2.0])
def test_no_temperature_overflows(temperature: float) -> None:
    logits = floats(100.0, -100.0, 99.0)
    assert set(draws(logits, 50, temperature=temperature, logit_bias=((1, -100.0),))) <= {0, 2}


def test_no_stop_id_is_chosen_before_the_least_number_of_tokens() -> None:
    sampler = Sampler(Sampling(min_tokens=2), (), (0, 2))
    assert [sampler.choose(floats(4, 1, 3))[0] for _ in range(4)] == [1, 1, 0, 0]


def test_a_given_token_is_scored_and_counts_as_seen_but_not_as_chosen() -> None:
    sampler = Sampler(Sampling(repetition_penalty=2.0, presence_penalty=9.0, logprobs=1), ())
    logits = of_probabilities(0.5, 0.25, 0.25) + 4
    assert sampler.score(logits, 1) == logprob(logits, 1, 1)
    assert sampler.choose(floats(3, 7, 0))[0] == 1  # it is worth 3.5 as seen, and -5.5 if it had been chosen
    assert Sampler(Sampling(), ()).score(logits, 1) is None


def test_a_given_token_of_logits_that_are_not_finite_is_refused() -> None:
    with pytest.raises(FloatingPointError, match="the model's logits are not finite"):
        Sampler(Sampling(), ()).score(floats(0, math.nan), 0)


def test_biases_are_added_to_one_row_of_logits_and_to_several_on_a_copy() -> None:
    sampler = Sampler(Sampling(logit_bias=((1, 0.5), (2, -1.0), (1, 0.25))), [])
    rows = np.zeros((2, 4), np.float32)
    assert sampler.biased(rows[0]).tolist() == [0.0, 0.75, -1.0, 0.0]
    assert sampler.biased(rows).tolist() == [[0.0, 0.75, -1.0, 0.0]] * 2
    assert not rows.any()
    assert Sampler(Sampling(), []).biased(rows) is rows
