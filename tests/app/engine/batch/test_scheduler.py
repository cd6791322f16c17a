from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.batch import search_lanes, word_search
from app.engine.batch.scheduler import Scheduler
from app.engine.batch.search_lanes import SEARCH_LANES
from app.engine.batch.speculation import EXTENDED, Drafter
from app.engine.kv.arrays import Floats, Ints
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import Entry, PrefixCache
from app.engine.messages import (
    Failed,
    Finished,
    FromEngine,
    Generation,
    Logprob,
    Phrase,
    Prefilled,
    Sampling,
    Tokens,
)
from app.engine.sampler import Sampler, logprob
from app.model.shape import LANES
from app.model.vocabulary import Vocabulary
from tests.app.engine.fake_runner import SHAPE, FakeRunner, logits

STEMS = [
    a + b + c for a in ("", " ") for b in ("a", "ab", "b", "ba", "c") for c in ("", "a", "b", "c", ".", "é")
]
PIECES = ["", *dict.fromkeys(STEMS), *" .é12", *(f"{n}" for n in range(10, 60))][: SHAPE.vocabulary]
VOCABULARY = Vocabulary.of([piece.encode() for piece in PIECES])


def make(
    slots: int = 4,
    chunk: int = 8,
    budget: int = 10**9,
    drafter: Drafter | None = None,
    vocabulary: Vocabulary | None = None,
) -> tuple[Scheduler, FakeRunner]:
    runner = FakeRunner()
    prefixes = PrefixCache(SHAPE, budget)
    cache = DecodeCache(SHAPE, slots + (SEARCH_LANES if vocabulary else 0))
    scheduler = Scheduler(
        runner, cache, prefixes, prefill_chunk=chunk, vocabulary=vocabulary, drafter=drafter
    )
    return scheduler, runner


def drain(scheduler: Scheduler) -> list[FromEngine]:
    said: list[FromEngine] = []
    while scheduler.busy:
        said += scheduler.step()
    return said


def ids(said: list[FromEngine], number: int) -> list[int]:
    return [i for m in said if isinstance(m, Tokens) and m.number == number for i in m.ids]


def finished(said: list[FromEngine], number: int) -> Finished:
    (found,) = [m for m in said if isinstance(m, Finished) and m.number == number]
    return found


def prefilled(said: list[FromEngine], number: int) -> Prefilled:
    (found,) = [m for m in said if isinstance(m, Prefilled) and m.number == number]
    return found


def greedy(prompt: list[int], count: int) -> list[int]:
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(np.argmax(logits(tokens))))
    return tokens[len(prompt) :]


def test_greedy_tokens_are_the_likeliest_of_the_whole_sequence() -> None:
    scheduler, _ = make()
    scheduler.submit(1, Generation((5, 6, 7), max_tokens=10))
    said = drain(scheduler)
    assert ids(said, 1) == greedy([5, 6, 7], 10)
    assert finished(said, 1).reason == "length"


def test_a_stop_id_ends_the_generation_and_is_not_reported() -> None:
    expected = greedy([5, 6, 7], 10)
    stop = expected[4]
    scheduler, _ = make()
    scheduler.submit(1, Generation((5, 6, 7), max_tokens=10, stop_ids=(stop,)))
    said = drain(scheduler)
    assert ids(said, 1) == expected[: expected.index(stop)]
    assert finished(said, 1).reason == "stop"


def test_what_the_prompt_cost_is_said_in_the_step_of_the_first_token() -> None:
    now = iter(range(1000))
    cache, prefixes = DecodeCache(SHAPE, 1), PrefixCache(SHAPE, 0)
    scheduler = Scheduler(
        FakeRunner(), cache, prefixes, prefill_chunk=2, clock=lambda: float(next(now))
    )  # each look at the clock takes a second
    scheduler.submit(1, Generation((5, 6, 7), max_tokens=2))
    first, second = scheduler.step(), scheduler.step()
    assert first == []
    assert second[0] == Prefilled(1, cached_tokens=0, queue_seconds=1.0, prefill_seconds=1.0)
    assert [type(message) for message in second] == [Prefilled, Tokens]


def test_a_long_prompt_is_computed_in_chunks_between_the_steps_of_others() -> None:
    scheduler, runner = make(chunk=8)
    scheduler.submit(1, Generation((1, 2), max_tokens=30))
    scheduler.step()
    scheduler.submit(2, Generation(tuple(range(3, 33)), max_tokens=2))
    steps = [scheduler.step() for _ in range(8)]
    assert runner.prefills == [2, 8, 8, 8, 6]
    assert [len(ids(said, 1)) for said in steps] == [1, 0] * 4


def test_a_first_token_is_said_before_the_others_next_ones_are_computed() -> None:
    scheduler, runner = make()
    scheduler.submit(1, Generation((1,), max_tokens=9))
    scheduler.step()
    scheduler.submit(2, Generation((2,), max_tokens=9))
    scheduler.step()
    decoded = list(runner.decodes)
    assert ids(scheduler.step(), 2) == greedy([2], 1)
    assert runner.decodes == decoded


def test_prompts_that_arrive_together_and_begin_alike_are_computed_once() -> None:
    scheduler, runner = make(chunk=64)
    for number in (1, 2, 3):
        scheduler.submit(number, Generation((*range(20), 50 + number), max_tokens=3))
    said = drain(scheduler)
    assert runner.prefills == [21, 1, 1]
    for number in (1, 2, 3):
        assert ids(said, number) == greedy([*range(20), 50 + number], 3)


def test_earlier_prompts_hold_what_running_sequences_leave() -> None:
    budget = 2 * LANES * SHAPE.token_bytes
    scheduler, _ = make(budget=budget)
    scheduler.submit(1, Generation(tuple(range(60)), max_tokens=2))
    drain(scheduler)
    assert scheduler.stats.prefix_bytes == 61 * SHAPE.token_bytes
    for number in (2, 3):
        scheduler.submit(number, Generation((60 + number,), max_tokens=40))
    said: list[FromEngine] = []
    while scheduler.running < 2:
        said += scheduler.step()
    assert scheduler.stats.prefix_bytes == 0
    said += drain(scheduler)
    assert ids(said, 2) == greedy([62], 40)


def test_a_rest_gives_the_memory_of_the_slots_back() -> None:
    cache = DecodeCache(SHAPE, 3)
    scheduler = Scheduler(FakeRunner(), cache, PrefixCache(SHAPE, 10**9), prefill_chunk=64)
    scheduler.submit(1, Generation((1, 2), max_tokens=9))
    scheduler.step()
    scheduler.release_idle()
    assert cache.bytes > 0
    drain(scheduler)
    scheduler.release_idle()
    assert cache.bytes == 0
    scheduler.submit(2, Generation((1, 2), max_tokens=9))
    assert ids(drain(scheduler), 2) == greedy([1, 2], 9)


def test_a_prompt_that_begins_as_an_earlier_one_pays_only_for_the_rest() -> None:
    scheduler, runner = make(chunk=64)
    scheduler.submit(1, Generation(tuple(range(20)), max_tokens=3))
    drain(scheduler)
    scheduler.submit(2, Generation((*range(20), 50, 51), max_tokens=3))
    said = drain(scheduler)
    assert (runner.prefills, runner.extends) == ([20], [EXTENDED])
    assert prefilled(said, 2).cached_tokens == 20
    assert ids(said, 2) == greedy([*range(20), 50, 51], 3)


@pytest.mark.parametrize(("rests", "copied"), [(False, [20, 0, 0]), (True, [20, 20, 20])])
def test_what_the_last_sequence_has_left_in_the_cache_is_not_copied_again(
    rests: bool, copied: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that is typed: two tokens more, then its end typed anew."""
    loaded: list[int] = []
    load = DecodeCache.load

    def counted(cache: DecodeCache, slot: int, rows: Floats, start: int = 0) -> None:
        loaded.append(rows.shape[1])
        load(cache, slot, rows, start)

    monkeypatch.setattr(DecodeCache, "load", counted)
    scheduler, _ = make(chunk=64)
    for number, prompt in enumerate(([*range(20)], [*range(20), 50, 51, 52], [*range(20), 60, 61])):
        scheduler.submit(number, Generation(tuple(prompt), max_tokens=3))
        assert ids(drain(scheduler), number) == greedy(prompt, 3)
        if rests:
            scheduler.release_idle()
    assert loaded == copied


def test_no_more_sequences_run_than_fit_in_memory_at_their_longest() -> None:
    """Room for two of up to LANES tokens: the first three have as many, the last has the double."""
    scheduler, runner = make(budget=2 * LANES * SHAPE.token_bytes)
    for number, count in enumerate((40, 40, 40, 2 * LANES - 1)):
        scheduler.submit(number, Generation((number,), max_tokens=count))
    said = drain(scheduler)
    assert [m.number for m in said if isinstance(m, Finished)] == [0, 1, 2, 3]
    assert max(runner.decodes) == 2
    assert runner.decodes[-LANES:] == [1] * LANES
    assert ids(said, 3) == greedy([3], 2 * LANES - 1)


def test_a_sequence_that_is_alone_runs_whatever_it_takes() -> None:
    scheduler, _ = make(budget=0)
    scheduler.submit(1, Generation((1, 2), max_tokens=100))
    assert ids(drain(scheduler), 1) == greedy([1, 2], 100)


def test_more_new_tokens_than_a_draft_has_are_a_chunk() -> None:
    scheduler, runner = make(chunk=64)
    scheduler.submit(1, Generation(tuple(range(20)), max_tokens=3))
    drain(scheduler)
    longer = (*range(20), *range(50, 50 + EXTENDED + 1))
    scheduler.submit(2, Generation(longer, max_tokens=3))
    said = drain(scheduler)
    assert (runner.prefills, runner.extends) == ([20, EXTENDED + 1], [])
    assert ids(said, 2) == greedy(list(longer), 3)


def test_a_few_new_tokens_beside_running_sequences_are_a_chunk() -> None:
    scheduler, runner = make(chunk=64)
    scheduler.submit(1, Generation(tuple(range(20)), max_tokens=3))
    drain(scheduler)
    scheduler.submit(2, Generation((90,), max_tokens=30))
    scheduler.step()
    scheduler.submit(3, Generation((*range(20), 50, 51), max_tokens=3))
    said = drain(scheduler)
    assert (runner.prefills, runner.extends) == ([20, 1, 2], [])
    assert ids(said, 3) == greedy([*range(20), 50, 51], 3)


def test_a_failure_at_the_end_of_a_prompt_fails_that_generation_only() -> None:
    scheduler, runner = make(chunk=64)
    scheduler.submit(1, Generation(tuple(range(20)), max_tokens=3))
    drain(scheduler)
    runner.fail = RuntimeError("no")
    scheduler.submit(2, Generation((*range(20), 50), max_tokens=3))
    assert drain(scheduler) == [Failed(2, "no")]
    scheduler.submit(3, Generation((*range(20), 50), max_tokens=3))
    assert ids(drain(scheduler), 3) == greedy([*range(20), 50], 3)


def test_a_prompt_that_goes_on_from_a_completion_reuses_it_as_well() -> None:
    scheduler, _ = make(chunk=64)
    scheduler.submit(1, Generation(tuple(range(20)), max_tokens=6))
    said = drain(scheduler)
    longer = [*range(20), *ids(said, 1), 3]
    scheduler.submit(2, Generation(tuple(longer), max_tokens=3))
    again = drain(scheduler)
    assert prefilled(again, 2).cached_tokens == 25  # the last token was never fed
    assert ids(again, 2) == greedy(longer, 3)


def test_the_same_prompt_again_computes_nothing() -> None:
    scheduler, runner = make(chunk=64)
    for number in (1, 2):
        scheduler.submit(number, Generation(tuple(range(20)), max_tokens=1))
        said = drain(scheduler)
    assert (runner.prefills, runner.decodes, runner.extends) == ([20], [], [])
    assert prefilled(said, 2).cached_tokens == 20
    assert ids(said, 2) == greedy(list(range(20)), 1)


def test_the_same_prompt_again_computes_one_token_where_calls_differ_in_bits() -> None:
    scheduler, runner = make(chunk=64)
    runner.exact = False
    for number in (1, 2):
        scheduler.submit(number, Generation(tuple(range(20)), max_tokens=1))
        said = drain(scheduler)
    assert (runner.prefills, runner.decodes, runner.extends) == ([20], [1], [])
    assert ids(said, 2) == greedy(list(range(20)), 1)


def test_a_known_continuation_is_walked_and_only_what_is_new_is_computed() -> None:
    scheduler, runner = make(chunk=64)
    scheduler.submit(1, Generation(tuple(range(20)), max_tokens=6))
    drain(scheduler)
    scheduler.submit(2, Generation(tuple(range(20)), max_tokens=4))
    assert ids(drain(scheduler), 2) == greedy(list(range(20)), 4)
    assert len(runner.decodes) == 5
    scheduler.submit(3, Generation(tuple(range(20)), max_tokens=9))
    assert ids(drain(scheduler), 3) == greedy(list(range(20)), 9)
    assert len(runner.decodes) == 5 + 3
    assert scheduler.stats.known_tokens == 4 + 6


def test_what_follows_a_word_that_was_searched_before_is_known() -> None:
    scheduler, runner = make(vocabulary=VOCABULARY)
    generation = Generation((5, 6), max_tokens=12, typed=b" ab", alternatives=1)
    calls, texts = [], []
    for number in range(2):
        before = sum(runner.decodes)
        scheduler.submit(number, generation)
        texts.append(ids(drain(scheduler), number))
        calls.append(sum(runner.decodes) - before)
    assert texts[0] == texts[1]
    assert scheduler.stats.known_tokens > 0
    assert calls[1] < calls[0]


def test_a_search_goes_on_from_what_the_one_before_has_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_search, "SHORTER_SHARE", 0.0)
    scheduler, runner = make(vocabulary=VOCABULARY)
    calls = []
    for number, (typed, owner) in enumerate([(b" ab", "one"), (b" ab", "one"), (b" ab", "two")]):
        before = len(runner.decodes)
        scheduler.submit(number, Generation((5, 6), max_tokens=12, typed=typed, owner=owner))
        drain(scheduler)
        calls.append(len(runner.decodes) - before)
    assert calls[1] == 0
    assert calls[2] == calls[0] > 0
    assert scheduler.stats.searches == 3


def test_a_search_computes_what_follows_its_best_word_beside_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(word_search, "SHORTER_SHARE", 0.0)
    saved = 0
    for first in range(20):
        calls, texts = [], []
        for width in (1, word_search.WIDTH):
            monkeypatch.setattr(search_lanes, "WIDTH", width)  # of a call with the best word's continuation
            scheduler, runner = make(vocabulary=VOCABULARY)
            scheduler.submit(1, Generation((first, 6), max_tokens=8, typed=b" a"))
            texts.append(ids(drain(scheduler), 1))
            calls.append(len(runner.decodes))
        assert texts[0] == texts[1]
        saved += calls[0] - calls[1]
        assert calls[1] <= calls[0]
    assert saved > 0


def test_what_one_owner_has_computed_is_unknown_to_another() -> None:
    scheduler, _ = make(chunk=64)
    for number, owner in enumerate(("one", "two", "one")):
        scheduler.submit(number, Generation(tuple(range(20)), max_tokens=3, owner=owner))
        said = drain(scheduler)
        assert prefilled(said, number).cached_tokens == (20 if number == 2 else 0)
        assert ids(said, number) == greedy(list(range(20)), 3)


def test_values_that_are_not_finite_reach_no_later_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler, runner = make(chunk=64)
    decode = runner.decode

    def poisoned(cache: DecodeCache, tokens: Sequence[int], positions: Sequence[int]) -> Floats:
        found = decode(cache, tokens, positions)
        cache.view(1)[:] = np.nan
        return np.full_like(found, np.nan)

    monkeypatch.setattr(runner, "decode", poisoned)
    scheduler.submit(1, Generation((1, 2), max_tokens=4))
    assert drain(scheduler)[-1] == Failed(1, "the model's logits are not finite")
    monkeypatch.setattr(runner, "decode", decode)
    scheduler.submit(2, Generation((1, 2), max_tokens=4))
    assert ids(drain(scheduler), 2) == greedy([1, 2], 4)
    assert not np.isnan(scheduler._cache.view(1)).any()


def test_generations_start_in_the_order_of_their_arrival() -> None:
    scheduler, _ = make(slots=1)
    for number in range(1, 5):
        scheduler.submit(number, Generation((number,), max_tokens=2))
    order = [m.number for m in drain(scheduler) if isinstance(m, Finished)]
    assert order == [1, 2, 3, 4]


def test_no_more_sequences_than_slots_are_decoded_at_once() -> None:
    scheduler, runner = make(slots=3)
    for number in range(7):
        scheduler.submit(number, Generation((number,), max_tokens=9))
    drain(scheduler)
    assert max(runner.decodes) == 3


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_a_cancelled_generation_says_nothing_more_and_frees_its_place(steps: int) -> None:
    scheduler, _ = make(slots=2, chunk=4)
    scheduler.submit(1, Generation(tuple(range(10)), max_tokens=20))
    for _ in range(steps):
        scheduler.step()
    scheduler.cancel(1)
    assert scheduler.busy is False
    assert scheduler.step() == []
    assert scheduler.stats.slots_busy == 0


def test_cancelling_an_unknown_number_does_nothing() -> None:
    scheduler, _ = make()
    scheduler.cancel(99)
    assert scheduler.busy is False


def test_the_others_go_on_when_one_in_the_middle_is_cancelled() -> None:
    scheduler, _ = make(slots=3)
    for number in (1, 2, 3):
        scheduler.submit(number, Generation((number, 9), max_tokens=12))
    said = [m for _ in range(6) for m in scheduler.step()]
    scheduler.cancel(1)
    said += drain(scheduler)
    assert [ids(said, n) for n in (2, 3)] == [greedy([n, 9], 12) for n in (2, 3)]


@pytest.mark.parametrize(
    ("generation", "reason"),
    [
        (Generation((), max_tokens=1), "1 tokens do not fit 160"),
        (Generation((1,), max_tokens=0), "1 tokens do not fit 160"),
        (Generation((1,) * 100, max_tokens=61), "161 tokens do not fit 160"),
        (Generation((97,), max_tokens=1), "a token id is outside the vocabulary"),
        (Generation((-1,), max_tokens=1), "a token id is outside the vocabulary"),
    ],
)
def test_a_malformed_generation_fails_alone(generation: Generation, reason: str) -> None:
    scheduler, _ = make()
    scheduler.submit(1, generation)
    scheduler.submit(2, Generation((1, 2), max_tokens=4))
    said = drain(scheduler)
    assert [m for m in said if isinstance(m, Failed)] == [Failed(1, reason)]
    assert ids(said, 2) == greedy([1, 2], 4)


def test_more_forced_tokens_than_there_may_be_fail_alone() -> None:
    scheduler, _ = make()
    scheduler.submit(1, Generation((1,), 1, forced=(2, 3)))
    assert drain(scheduler) == [Failed(1, "2 tokens are forced, of at most 1")]


def test_a_runtime_error_while_prefilling_fails_that_generation_only() -> None:
    scheduler, runner = make()
    scheduler.submit(1, Generation((1, 2), max_tokens=4))
    runner.fail = RuntimeError("no")
    said = scheduler.step()
    scheduler.submit(2, Generation((1, 2), max_tokens=4))
    assert said == [Failed(1, "no")]
    assert ids(drain(scheduler), 2) == greedy([1, 2], 4)


def test_a_runtime_error_while_decoding_fails_all_that_run_and_the_next_works() -> None:
    scheduler, runner = make()
    for number in (1, 2):
        scheduler.submit(number, Generation((number,), max_tokens=9))
    while scheduler.running < 2:
        scheduler.step()
    runner.fail = RuntimeError("no")
    assert scheduler.step() == [Failed(1, "no"), Failed(2, "no")]
    scheduler.submit(3, Generation((7,), max_tokens=4))
    assert ids(drain(scheduler), 3) == greedy([7], 4)


@pytest.mark.parametrize("token", [-1, SHAPE.vocabulary, 10**9])
def test_a_bias_for_an_id_outside_the_vocabulary_fails_that_generation_alone(token: int) -> None:
    scheduler, _ = make()
    scheduler.submit(1, Generation((7,), max_tokens=4, sampling=Sampling(logit_bias=((token, 1.0),))))
    scheduler.submit(2, Generation((7,), max_tokens=4))
    said = drain(scheduler)
    assert Failed(1, "a token id is outside the vocabulary") in said
    assert ids(said, 2) == greedy([7], 4)


@pytest.mark.parametrize("error", [IndexError("no such id"), OverflowError("too large"), ValueError("no")])
def test_what_a_sampler_raises_fails_its_generation_alone(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    scheduler, _ = make()
    choose = Sampler.choose

    def fail(
        sampler: Sampler, logits: Floats, allowed: Ints | None = None, *, given: bool = False
    ) -> tuple[int, Logprob | None]:
        if sampler is broken:
            raise error
        return choose(sampler, logits, allowed, given=given)

    monkeypatch.setattr(Sampler, "choose", fail)
    for number in (1, 2):
        scheduler.submit(number, Generation((7,), max_tokens=4))
    broken = scheduler._waiting[0].sampler
    said = drain(scheduler)
    assert Failed(1, str(error)) in said
    assert ids(said, 2) == greedy([7], 4)
    assert scheduler.stats.slots_busy == 0


def test_logits_that_are_not_finite_fail_the_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler, runner = make()
    nothing = np.full((1, SHAPE.vocabulary), np.nan, np.float32)
    prefill = runner.prefill

    def poisoned(entry: Entry, tokens: Ints, rows: list[int]) -> Floats:
        prefill(entry, tokens, rows)
        return nothing

    monkeypatch.setattr(runner, "prefill", poisoned)
    scheduler.submit(1, Generation((1,), max_tokens=4))
    assert drain(scheduler)[1:] == [Failed(1, "the model's logits are not finite")]
    assert scheduler.stats.slots_busy == 0


def test_logprobs_come_with_the_tokens_that_asked() -> None:
    scheduler, _ = make()
    scheduler.submit(1, Generation((1, 2), max_tokens=2, sampling=Sampling(logprobs=3)))
    said = [m for m in drain(scheduler) if isinstance(m, Tokens)]
    assert [len(m.logprobs[0].top) for m in said] == [3, 3]
    assert all(m.logprobs[0].top[0] == (m.ids[0], m.logprobs[0].chosen) for m in said)


@pytest.mark.parametrize("drafter", [None, Drafter()])
@pytest.mark.parametrize("beside", [False, True])
def test_forced_tokens_are_scored_and_then_others_chosen(drafter: Drafter | None, beside: bool) -> None:
    scheduler, runner = make(drafter=drafter)
    text = (5, 9, 1, 33, 2, 2, 17, 40, 8, 3, 21)
    if beside:
        scheduler.submit(2, Generation((1, 2), max_tokens=20))
    sampling = Sampling(logprobs=2)
    scheduler.submit(1, Generation(text[:1], 13, sampling, stop_ids=(33,), forced=text[1:]))
    said = drain(scheduler)
    found = [score for m in said if isinstance(m, Tokens) and m.number == 1 for score in m.logprobs]
    assert ids(said, 1) == [*text[1:], *greedy([*text], 3)]
    for at, token in enumerate(ids(said, 1), start=1):
        expected = logprob(logits([*text, *greedy([*text], 3)][:at]), token, 2)
        assert found[at - 1].chosen == pytest.approx(expected.chosen, abs=1e-4)
        assert found[at - 1].top[0][0] == expected.top[0][0]
    assert bool(runner.extends) == (drafter is not None and not beside)
    if beside:
        assert ids(said, 2) == greedy([1, 2], 20)


def test_a_generation_that_is_all_forced_ends_with_its_last_token() -> None:
    scheduler, _ = make(drafter=Drafter())
    scheduler.submit(1, Generation((5,), 8, Sampling(logprobs=0), forced=(9, 1, 33, 2, 2, 17, 40, 8)))
    said = drain(scheduler)
    assert ids(said, 1) == [9, 1, 33, 2, 2, 17, 40, 8]
    assert finished(said, 1).reason == "length"


def test_forced_tokens_whose_logits_are_not_finite_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler, runner = make()
    nothing = np.full(SHAPE.vocabulary, np.nan, np.float32)
    prefill = runner.prefill

    def poisoned(entry: Entry, tokens: Ints, rows: list[int]) -> Floats:
        prefill(entry, tokens, rows)
        return nothing

    monkeypatch.setattr(runner, "prefill", poisoned)
    scheduler.submit(1, Generation((1,), max_tokens=4, forced=(2, 3)))
    assert drain(scheduler)[1:] == [Failed(1, "the model's logits are not finite")]


def test_stats_count_what_was_computed() -> None:
    scheduler, _ = make(chunk=64)
    for number in (1, 2):
        scheduler.submit(number, Generation(tuple(range(10)), max_tokens=4))
        drain(scheduler)
    stats = scheduler.stats
    assert (stats.cached_tokens, stats.known_tokens) == (10, 4)
    assert (stats.decode_steps, stats.decode_rows) == (3, 3)


class Clock:
    """Every look at it takes a second, so that a draft costs what a step costs."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 1.0
        return self._now


@pytest.mark.parametrize("temperature", [0.0, 0.3])
def test_drafting_changes_no_token_and_saves_calls(temperature: float) -> None:
    def run(drafter: Drafter | None) -> tuple[list[int], Finished, FakeRunner]:
        runner = FakeRunner(memory=1)
        cache, prefixes = DecodeCache(SHAPE, 2), PrefixCache(SHAPE, 0)
        scheduler = Scheduler(runner, cache, prefixes, prefill_chunk=64, drafter=drafter, clock=Clock())
        scheduler.submit(1, Generation((1, 2, 3), 150, Sampling(temperature=temperature, seed=7)))
        said = drain(scheduler)
        return ids(said, 1), finished(said, 1), runner

    plain, _, plain_runner = run(None)
    drafted, end, runner = run(Drafter())
    assert drafted == plain
    assert end.reason == "length"
    assert runner.extends
    assert len(runner.extends) + len(runner.decodes) < len(plain_runner.decodes)


def test_a_stop_id_inside_a_draft_ends_the_generation_there() -> None:
    scheduler = Scheduler(
        FakeRunner(memory=1), DecodeCache(SHAPE, 2), PrefixCache(SHAPE, 10**9), prefill_chunk=64
    )
    scheduler.submit(1, Generation((1,), 150))
    text = ids(drain(scheduler), 1)
    last = text[-1]  # part of the loop that the text has run into
    for drafter in (None, Drafter()):
        again = Scheduler(
            FakeRunner(memory=1),
            DecodeCache(SHAPE, 2),
            PrefixCache(SHAPE, 10**9),
            prefill_chunk=64,
            drafter=drafter,
        )
        again.submit(1, Generation((1, *text[:-1]), 5, stop_ids=(last,)))
        said = drain(again)
        assert ids(said, 1) == []
        assert finished(said, 1).reason == "stop"


def healed(prompt: list[int], typed: str, count: int) -> list[int]:
    """Greedy tokens of which the first begins with what is typed."""
    tokens, rest = list(prompt), typed
    for _ in range(count):
        values = logits(tokens)
        if rest:
            covers = [n for n, piece in enumerate(PIECES) if piece.startswith(rest)]
            token = max(covers, key=lambda n: (values[n], -n))
        else:
            token = int(np.argmax(values))
        rest = rest[len(PIECES[token]) :]
        tokens.append(token)
    return tokens[len(prompt) :]


@pytest.mark.parametrize("typed", ["a", " a", " ab", "ba", "c", " ", "1"])
def test_the_first_token_begins_with_what_is_typed(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(word_search, "SHORTER_SHARE", 2.0)
    for seed in range(20):
        scheduler, _ = make(vocabulary=VOCABULARY)
        scheduler.submit(1, Generation((seed, 6, 7), max_tokens=6, typed=typed.encode()))
        assert ids(drain(scheduler), 1) == healed([seed, 6, 7], typed, 6)


def test_a_piece_that_no_other_token_begins_with_gives_what_the_whole_prompt_gives() -> None:
    only = next(n for n, piece in enumerate(PIECES) if len(VOCABULARY.covers(piece.encode())) == 1 and piece)
    scheduler, _ = make(vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((5, 6), max_tokens=6, typed=PIECES[only].encode()))
    assert ids(drain(scheduler), 1) == [only, *greedy([5, 6, only], 5)]


def test_the_same_prompt_with_more_typed_computes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_search, "SHORTER_SHARE", 2.0)
    scheduler, runner = make(vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((5, 6, 7), max_tokens=6, typed=b" "))
    first = PIECES[ids(drain(scheduler), 1)[0]]
    calls = (list(runner.prefills), list(runner.decodes))
    for size in range(1, len(first) + 1):
        scheduler.submit(1 + size, Generation((5, 6, 7), max_tokens=6, typed=first[:size].encode()))
        assert ids(drain(scheduler), 1 + size) == healed([5, 6, 7], " ", 6)
    assert (runner.prefills, runner.decodes) == calls


@pytest.mark.parametrize("typed", ["", "a", " ab"])
def test_alternatives_are_other_words_the_likeliest_first(typed: str) -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    scheduler.submit(
        1, Generation((5, 6, 7), max_tokens=6, typed=typed.encode(), alternatives=3, scores=True)
    )
    said = drain(scheduler)
    end = finished(said, 1)
    texts = [
        "".join(PIECES[n] for n in found) for found in (ids(said, 1), *(a.ids for a in end.alternatives))
    ]
    assert all(text.startswith(typed) for text in texts)
    assert 1 <= len(end.alternatives) <= 3
    likely = [alternative.probability for alternative in end.alternatives]
    assert likely == sorted(likely, reverse=True)
    assert scheduler.stats.slots_busy == 0


def test_an_alternative_that_goes_on_alone_by_drafts_is_reported_with_its_leader() -> None:
    generation = Generation((5, 6, 7), max_tokens=60, typed=b" ab", alternatives=1)
    found = []
    for drafter in (None, Drafter()):
        runner = FakeRunner(memory=1)  # all texts run into loops, which drafts guess
        cache, prefixes = DecodeCache(SHAPE, 4 + SEARCH_LANES), PrefixCache(SHAPE, 10**9)
        scheduler = Scheduler(
            runner, cache, prefixes, prefill_chunk=64, vocabulary=VOCABULARY, drafter=drafter, clock=Clock()
        )
        for number in range(2):  # the second time the leader's text is known, and its alternative's is not
            scheduler.submit(number, generation)
            end = finished(drain(scheduler), number)
            found.append((end.probability, end.alternatives))
    assert len(found[0][1]) == 1
    assert runner.extends
    assert found == [found[0]] * 4


def test_what_a_search_keeps_for_later_requests_has_none_of_its_biases() -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    sampling = Sampling(logit_bias=((36, 3.0), (61, -2.0)))
    generation = Generation((11, 36, 53, 60, 3, 51), 4, sampling, typed=b" .", alternatives=2)
    scheduler.submit(1, generation)
    drain(scheduler)
    kept = [(e.tokens[:at], row) for e in scheduler._prefixes.entries for at, row in e.logits.items()]
    assert len(kept) > 1
    assert all((row == logits([int(token) for token in tokens])).all() for tokens, row in kept)


def test_scores_say_how_sure_each_token_was() -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((5, 6), max_tokens=3, scores=True))
    said = drain(scheduler)
    found = [score for m in said if isinstance(m, Tokens) for score in m.scores]
    for n, score in enumerate(found):
        values = logits([5, 6, *ids(said, 1)[:n]]).astype(float)
        shares = np.exp(values - values.max()) / np.exp(values - values.max()).sum()
        assert score.chosen == pytest.approx(np.log(shares[ids(said, 1)[n]]), abs=1e-5)
        assert score.ended == pytest.approx(np.log(1 - shares[VOCABULARY.continuing].sum()), abs=1e-5)


@pytest.mark.parametrize(
    ("generation", "reason"),
    [
        (Generation((1,), 2, typed=b"a"), "the bytes of this model's tokens are not known"),
        (Generation((1,), 2, alternatives=1), "the bytes of this model's tokens are not known"),
        (Generation((1,), 2, scores=True), "the bytes of this model's tokens are not known"),
        (Generation((1,), 2, phrases=(Phrase((1,), 0.1),)), "the bytes of this model's tokens are not known"),
        (Generation((1,), 2, grammar="{}"), "the bytes of this model's tokens are not known"),
    ],
)
def test_what_needs_the_bytes_of_tokens_fails_alone_without_them(generation: Generation, reason: str) -> None:
    scheduler, _ = make()
    scheduler.submit(1, generation)
    assert drain(scheduler) == [Failed(1, reason)]


def test_more_alternatives_than_slots_fail_alone() -> None:
    scheduler, _ = make(slots=2, vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((1,), 2, alternatives=2))
    assert drain(scheduler) == [Failed(1, "2 alternatives need more than 2 slots")]


def spelled(text: str) -> tuple[int, ...]:
    """The longest tokens that spell a text."""
    found: list[int] = []
    while text:
        token = max(
            (n for n, p in enumerate(PIECES) if p and text.startswith(p)), key=lambda n: len(PIECES[n])
        )
        found.append(token)
        text = text[len(PIECES[token]) :]
    return tuple(found)


@pytest.mark.parametrize("typed", ["", " b", "a"])
@pytest.mark.parametrize("alternatives", [0, 2])
def test_a_phrase_that_is_likelier_than_all_else_is_written(typed: str, alternatives: int) -> None:
    phrase = Phrase(spelled(typed + ".é1"), 0.99)
    scheduler, _ = make(vocabulary=VOCABULARY)
    scheduler.submit(
        1,
        Generation((5, 6), max_tokens=8, typed=typed.encode(), alternatives=alternatives, phrases=(phrase,)),
    )
    said = drain(scheduler)
    written = ids(said, 1)
    assert tuple(written[: len(phrase.tokens)]) == phrase.tokens
    behind = PIECES[written[len(phrase.tokens)]]
    assert behind[:1] not in set("0123456789.,ab")
    assert len(finished(said, 1).alternatives) == alternatives


@pytest.mark.parametrize("typed", ["", " b", "a"])
def test_a_phrase_that_is_less_likely_changes_nothing(typed: str) -> None:
    texts = []
    for phrases in ((), (Phrase(spelled(typed + ".é1"), 1e-7),)):
        scheduler, _ = make(vocabulary=VOCABULARY)
        scheduler.submit(
            1, Generation((5, 6), max_tokens=8, typed=typed.encode(), alternatives=1, phrases=phrases)
        )
        said = drain(scheduler)
        texts.append((ids(said, 1), [other.ids for other in finished(said, 1).alternatives]))
    assert texts[0] == texts[1]


def test_a_runtime_error_in_a_search_fails_that_generation_and_the_next_works() -> None:
    scheduler, runner = make(vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((5, 6, 7), max_tokens=6, typed=b"a", alternatives=2))
    scheduler.step()
    runner.fail = RuntimeError("no")
    assert scheduler.step()[-1] == Failed(1, "no")
    scheduler.submit(2, Generation((5, 6), max_tokens=4))
    assert ids(drain(scheduler), 2) == greedy([5, 6], 4)


job = st.tuples(
    st.lists(st.integers(0, 5), min_size=1, max_size=60),
    st.integers(1, 40),
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 12),
    st.integers(0, 40),
    st.tuples(
        st.sampled_from(["", "", "a", " a", " ab", "b", " "]),
        st.sampled_from([0, 0, 1, 2]),
        st.sampled_from(["", "", "b.cé1", "a.b c"]),
        st.sampled_from(["", "", "", r"start: /( ?[abc]{1,4}\.?){1,9}é?/", 'start: "ab1" | "ba." | " c"']),
    ),
)


@given(
    st.lists(job, min_size=1, max_size=8),
    st.sampled_from([0, 5000, 10**9]),
    st.sampled_from([3, 16, 64]),
    st.sets(st.integers(0, 59), max_size=5),
)
@pytest.mark.slow
@settings(max_examples=300)
def test_every_text_is_the_one_it_gives_alone(
    jobs: list[tuple[list[int], int, int, bool, int, int, tuple[str, int, str, str]]],
    budget: int,
    chunk: int,
    rests: set[int],
) -> None:
    """Whatever arrives when, is cancelled when, shares prefixes, is evicted, or finds the engine rested."""

    def generation(
        prompt: list[int], count: int, seed: int, hot: bool, typing: tuple[str, int, str, str]
    ) -> Generation:
        typed, alternatives, rest, grammar = typing
        if grammar:
            alternatives, rest = 0, ""
        phrases = (Phrase(spelled(typed + rest), 0.1),) if rest else ()
        sampling = Sampling(temperature=1.0 if hot else 0.0, seed=seed, top_p=0.9)
        return Generation(
            tuple(prompt),
            count,
            sampling,
            stop_ids=(11,),
            typed=typed.encode(),
            alternatives=alternatives,
            phrases=phrases,
            grammar=json.dumps({"lark_grammar": grammar}) if grammar else "",
        )

    def end(messages: list[FromEngine], number: int) -> FromEngine | None:
        ends = [m for m in messages if isinstance(m, Finished) and m.number == number]
        return replace(ends[0], number=0) if ends else None

    scheduler, _ = make(slots=3, chunk=chunk, budget=budget, drafter=Drafter(), vocabulary=VOCABULARY)
    said: list[FromEngine] = []
    for now in range(60):
        for number, (prompt, count, seed, hot, arrival, leaving, typing) in enumerate(jobs):
            if arrival == now:
                scheduler.submit(number, generation(prompt, count, seed, hot, typing))
            if leaving == now and leaving > arrival:
                scheduler.cancel(number)
        said += scheduler.step()
        if now in rests:
            scheduler.release_idle()
    said += drain(scheduler)
    for number, (prompt, count, seed, hot, arrival, leaving, typing) in enumerate(jobs):
        lonely, _ = make(slots=3, chunk=64, vocabulary=VOCABULARY)
        lonely.submit(0, generation(prompt, count, seed, hot, typing))
        expected = drain(lonely)
        alone = ids(expected, 0)
        found = ids(said, number)
        if leaving > arrival and not any(isinstance(m, Finished) and m.number == number for m in said):
            assert found == alone[: len(found)]
        else:
            assert found == alone
            assert end(said, number) == end(expected, 0)
    assert scheduler.stats.slots_busy == 0
    assert scheduler.stats.prefix_bytes <= budget


def test_the_end_says_how_likely_it_was_that_what_is_typed_comes() -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((5, 6), max_tokens=1, typed=b" a", scores=True))
    values = logits([5, 6]).astype(float)
    shares = np.exp(values - values.max()) / np.exp(values - values.max()).sum()
    expected = np.log(shares[VOCABULARY.covers(b" a")].sum())
    assert finished(drain(scheduler), 1).typed == pytest.approx(expected, abs=1e-5)
