"""A sequence reports its tokens as often as its reader wants them, and its end once."""

from __future__ import annotations

import numpy as np
import pytest

from app.engine.batch.sequence import Sequence
from app.engine.kv.arrays import Floats
from app.engine.messages import Failed, Finished, FromEngine, Generation, Sampling, Tokens

VOCABULARY = 8


def logits(token: int) -> Floats:
    row = np.zeros(VOCABULARY, np.float32)
    row[token] = 5.0
    return row


def said(generation: Generation, tokens: list[int]) -> list[list[FromEngine]]:
    """What is said after each token."""
    sequence, messages = Sequence.of(7, generation, now=0.0), []
    for token in tokens:
        sequence.choose(logits(token))
        messages.append(sequence.flush())
    return messages


def test_each_token_is_said_where_somebody_reads_along() -> None:
    generation = Generation(prompt=(1,), max_tokens=3)
    assert said(generation, [4, 5]) == [[Tokens(7, (4,))], [Tokens(7, (5,))]]


def test_the_first_token_is_said_at_once_and_others_are_gathered() -> None:
    generation = Generation(prompt=(1, 2), max_tokens=9, stream_interval=3)
    assert said(generation, [4, 5, 6, 7, 3]) == [[Tokens(7, (4,))], [], [], [Tokens(7, (5, 6, 7))], []]


def test_the_end_brings_what_was_gathered() -> None:
    generation = Generation(prompt=(1,), max_tokens=3, stream_interval=8)
    assert said(generation, [4, 5, 6])[-1] == [Tokens(7, (5, 6)), Finished(7, "length")]


def test_a_stop_id_ends_it_and_is_not_said() -> None:
    generation = Generation(prompt=(1,), max_tokens=9, stop_ids=(6,), stream_interval=8)
    assert said(generation, [4, 5, 6])[-1] == [Tokens(7, (5,)), Finished(7, "stop")]


def test_logprobs_are_gathered_with_their_tokens() -> None:
    sampling = Sampling(logprobs=0)
    generation = Generation(prompt=(1,), max_tokens=9, sampling=sampling, stream_interval=2)
    _, _, (message,) = said(generation, [4, 5, 6])
    assert isinstance(message, Tokens)
    assert message.ids == (5, 6)
    chosen = 5.0 - np.log(np.exp(5.0) + VOCABULARY - 1)
    assert [logprob.chosen for logprob in message.logprobs] == pytest.approx([chosen, chosen], abs=1e-6)


def test_logits_that_are_not_finite_are_the_end() -> None:
    sequence = Sequence.of(7, Generation(prompt=(1,), max_tokens=3), now=0.0)
    sequence.choose(np.full(VOCABULARY, np.nan, np.float32))
    assert sequence.flush() == [Failed(7, "the model's logits are not finite")]


def test_what_the_prompt_cost_is_counted_from_its_arrival() -> None:
    sequence = Sequence.of(7, Generation(prompt=(1, 2, 3), max_tokens=3), now=10.0)
    sequence.report.admitted, sequence.report.cached = 12.0, 2
    prefilled = sequence.report.prefilled(now=15.0)
    assert (prefilled.queue_seconds, prefilled.prefill_seconds, prefilled.cached_tokens) == (2.0, 3.0, 2)
