"""A sequence reports its tokens as often as its reader wants them, and its end once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.engine.batch.grammar import Grammars
from app.engine.batch.sequence import Sequence
from app.engine.counters import Counters
from app.engine.kv.arrays import Floats
from app.engine.messages import Failed, Finished, FromEngine, Generation, Sampling, Tokens
from app.model.vocabulary import Vocabulary

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


PIECES = [b"", b"a", b"b", b"ab", b"c", b" ", b" a", b"."]


def constrained(grammar: str, tokens: list[int], **fields: Any) -> list[FromEngine]:
    """What is said of a text that must match, where the model prefers these tokens one after the other."""
    free = Generation(prompt=(1,), max_tokens=9, stop_ids=(0,), stream_interval=9)
    generation = replace(free, **fields)
    vocabulary = Vocabulary.of(PIECES)
    sequence = Sequence.of(7, generation, 0.0, vocabulary)
    answer = json.dumps({"lark_grammar": grammar})
    sequence.matcher = Grammars(vocabulary, Counters()).open(answer, generation.typed).result()
    said: list[FromEngine] = []
    for token in tokens:
        sequence.choose(logits(token))
        said += sequence.flush()
    return said


def test_a_text_that_nothing_may_follow_has_ended() -> None:
    assert constrained('start: "ab"', [3]) == [Tokens(7, (3,)), Finished(7, "stop")]


def test_the_last_token_that_there_is_room_for_may_complete_a_text() -> None:
    assert constrained('start: "ab"', [1, 2], max_tokens=2)[-1] == Finished(7, "stop")
    assert constrained('start: "abc"', [1, 2], max_tokens=2)[-1] == Finished(7, "length")


def test_the_model_ends_a_text_only_where_it_matches() -> None:
    assert constrained("start: /(ab)+/", [0]) == [Tokens(7, (1,))]  # it would end at once
    assert constrained("start: /(ab)+/", [3, 0]) == [Tokens(7, (3,)), Finished(7, "stop")]
    assert constrained("start: /(ab)+/", [3, 3, 0]) == [Tokens(7, (3,)), Tokens(7, (3,)), Finished(7, "stop")]


def test_where_only_an_empty_text_matches_no_token_is_chosen() -> None:
    assert constrained('start: ""', [3]) == [Finished(7, "stop")]


def test_a_text_ends_with_its_grammar_before_its_least_tokens() -> None:
    said = constrained('start: "ab"', [3], sampling=Sampling(min_tokens=5))
    assert said == [Tokens(7, (3,)), Finished(7, "stop")]


def test_what_was_typed_is_covered_by_tokens_that_go_on_within_the_grammar() -> None:
    end = Finished(7, "stop")
    assert constrained('start: "b."', [3, 7], typed=b"a") == [Tokens(7, (3,)), Tokens(7, (7,)), end]
    assert constrained('start: "a"', [4, 6], typed=b"c ") == [Tokens(7, (4,)), Tokens(7, (6,)), end]
    assert constrained('start: "b"', [4, 6, 2], typed=b"c ") == [Tokens(7, (4,)), Tokens(7, (5, 2)), end]


def test_forced_tokens_are_not_of_the_grammar() -> None:
    said = constrained('start: "ab"', [4, 4, 3], forced=(4, 4))
    assert [m.ids for m in said if isinstance(m, Tokens)] == [(4,), (4, 3)]
    assert said[-1] == Finished(7, "stop")


def test_logprobs_are_those_among_the_permitted() -> None:
    said = constrained('start: "a" | "b"', [7], sampling=Sampling(logprobs=2))
    assert isinstance(said[0], Tokens)
    (found,) = said[0].logprobs
    assert found.chosen == pytest.approx(np.log(0.5), abs=1e-6)
    assert [token for token, _ in found.top] == [1, 2]
