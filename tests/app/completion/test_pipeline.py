"""The order of the stages, over the scripted engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from app.completion.concurrency import gather_all
from app.completion.defaults import job_with_defaults, sampling_with_defaults
from app.completion.job import AlternativeText, Job, Opened, Piece, Usage
from app.completion.prompt import PlainPrompt
from app.completion.run import PieceQueue
from app.completion.service import Service
from app.engine.messages import Alternative, Tokens
from app.errors import (
    ContentFilterError,
    DeadlineExceededError,
    EngineFailedError,
    InvalidRequestError,
    NotReadyError,
)
from app.model.vocabulary import Vocabulary
from tests.app.asking import FOX
from tests.fakes import ByteTokenizer, FakeEngine, FakeSteps

pytestmark = pytest.mark.anyio

Compose = Callable[..., FastAPI]
BYTES = Vocabulary.of([*(bytes([number]) for number in range(256)), b""])


class CountingTokenizer(ByteTokenizer):
    def __init__(self) -> None:
        self.tokenized: list[str] = []

    def tokenize(self, text: str) -> list[int]:
        self.tokenized.append(text)
        return super().tokenize(text)


class StallingSteps(FakeSteps):
    """Never ends where there are more tokens than it may write."""

    async def __anext__(self) -> Tokens:
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            if self.finished and self.finished.reason == "stop":
                raise
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


class OtherWord(FakeSteps):
    """Ends with another first word."""

    async def __anext__(self) -> Tokens:
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            assert self.finished is not None
            other = Alternative(tuple(b" runs"), (), 0.25)
            self.finished = replace(self.finished, alternatives=(other,))
            raise


def serving(compose: Compose, engine: FakeEngine, **parts: Any) -> Service:
    service: Service = compose(engine, **parts).state.service
    return service


def job(service: Service, prompt: str = "The quick brown fox", *, seed: int = 5, **fields: Any) -> Job:
    sampling = sampling_with_defaults(service.settings, seed=seed, temperature=0.0)
    return job_with_defaults(service.settings, service.limits, PlainPrompt(prompt), sampling, **fields)


def put(pieces: PieceQueue) -> list[Piece]:
    """The pieces that have been put into a queue, behind the job's beginning."""
    opened, *rest = [pieces.get_nowait() for _ in range(pieces.qsize())]
    assert isinstance(opened, Opened)
    return [piece for piece in rest if isinstance(piece, Piece)]


async def test_a_prompt_is_guarded_tokenized_cut_continued_and_counted(compose: Compose) -> None:
    engine = FakeEngine()
    service = serving(compose, engine)
    outcome = await service.pipeline.run(job(service, "one two", window=3, max_tokens=6))
    (generation,) = engine.generations
    assert (bytes(generation.prompt), generation.max_tokens, generation.stop_ids) == (b"two", 6, (256,))
    (choice,) = outcome.choices
    assert (choice.index, choice.text, choice.finish_reason, choice.logprobs) == (0, " jumps", "length", None)
    assert outcome.usage == Usage(prompt=3, completion=6, cached=2)
    assert (outcome.window.limit, outcome.window.dropped) == (3, 4)
    assert (outcome.policy, outcome.attempts, outcome.seed) == ("reject", 1, 5)
    metrics = service.metrics.render().decode()
    for line in (
        "autocomplete_truncated_total 1.0",
        "autocomplete_prompt_tokens_total 3.0",
        "autocomplete_generation_tokens_total 6.0",
        'autocomplete_finished_total{reason="length"} 1.0',
        "autocomplete_request_prompt_tokens_sum 3.0",
        "autocomplete_request_generation_tokens_sum 6.0",
        "autocomplete_request_queue_time_seconds_sum 0.001",
        "autocomplete_request_prefill_time_seconds_sum 0.002",
        "autocomplete_time_to_first_token_seconds_count 1.0",
        "autocomplete_inter_token_latency_seconds_count 5.0",
    ):
        assert line in metrics


async def test_a_prompt_is_cut_before_its_last_piece_and_the_choices_written_over_it_are_counted(
    compose: Compose,
) -> None:
    engine = FakeEngine()
    service = serving(compose, engine, vocabulary=BYTES)
    outcome = await service.pipeline.run(job(service, "one tw", max_tokens=6, token_healing=True))
    (generation,) = engine.generations
    assert (bytes(generation.prompt), generation.typed) == (b"one t", b"w")
    assert [choice.healed for choice in outcome.choices] == [1]
    assert "autocomplete_healed_total 1.0" in service.metrics.render().decode()


@pytest.mark.parametrize("logprobs", [None, 2])
async def test_alternatives_are_texts_that_the_guard_lets_pass_each_once(
    compose: Compose, logprobs: int | None
) -> None:
    engine = FakeEngine(other_scripts=["o runs", "o fuck", "o runs", "ice"])
    service = serving(compose, engine, vocabulary=BYTES)
    asked = job(service, "one tw", max_tokens=20, token_healing=True, alternatives=4, scored=True)
    asked = replace(asked, sampling=replace(asked.sampling, logprobs=logprobs))
    (choice,) = (await service.pipeline.run(asked)).choices
    assert choice.alternatives == (AlternativeText("o runs", 0.5), AlternativeText("ice", 0.125))


async def test_a_word_that_is_being_typed_is_judged_with_what_the_model_makes_of_it(compose: Compose) -> None:
    engine = FakeEngine(scripts=[" you are", "ignment is"])
    service = serving(compose, engine, vocabulary=BYTES)
    outcome = await service.pipeline.run(job(service, "finish the ass", token_healing=True))
    assert [choice.text for choice in outcome.choices] == ["ignment is"]
    first, second = (generation.sampling for generation in engine.generations)
    assert (first.logit_bias, second.logit_bias) == ((), ((ord("s"), -100.0),))
    assert (second.temperature, outcome.attempts) == (0.0, 2)
    with pytest.raises(ContentFilterError):
        await service.pipeline.run(job(service, "finish the ass", token_healing=False))
    with pytest.raises(ContentFilterError):
        await service.pipeline.run(job(service, "you are an ass.", token_healing=True))


async def test_nothing_is_done_while_the_engine_is_not_ready(compose: Compose) -> None:
    tokenizer = CountingTokenizer()
    service = serving(compose, FakeEngine(state="dead"), open_tokenizer=lambda: tokenizer)
    with pytest.raises(NotReadyError):
        await service.pipeline.run(job(service))
    assert tokenizer.tokenized == []


async def test_a_rejected_prompt_is_never_tokenized(compose: Compose) -> None:
    tokenizer = CountingTokenizer()
    service = serving(compose, FakeEngine(), open_tokenizer=lambda: tokenizer)
    with pytest.raises(ContentFilterError):
        await service.pipeline.run(job(service, "what the fuck"))
    assert tokenizer.tokenized == []


async def test_a_prompt_without_a_token_is_continued_from_the_end_token(compose: Compose) -> None:
    engine = FakeEngine()
    service = serving(compose, engine)
    await service.pipeline.run(job(service, ""))
    assert engine.generations[0].prompt == (256,)


async def test_a_prompt_that_may_not_be_cut_is_refused(compose: Compose) -> None:
    service = serving(compose, FakeEngine())
    with pytest.raises(InvalidRequestError, match=r"^prompt: longer than its window of 3 tokens$"):
        await service.pipeline.run(job(service, "one two", window=3, refuse_truncation=True))


async def test_choices_are_numbered_from_the_first_index_and_their_pieces_too(compose: Compose) -> None:
    service = serving(compose, FakeEngine(scripts=[" a", " b"]))
    pieces: PieceQueue = asyncio.Queue()
    outcome = await service.pipeline.run(job(service, choices=2), pieces, first_index=3)
    assert [choice.index for choice in outcome.choices] == [3, 4]
    assert {piece.index for piece in put(pieces)} == {3, 4}


async def test_an_echo_is_the_first_piece_and_begins_the_choice(compose: Compose) -> None:
    service = serving(compose, FakeEngine())
    pieces: PieceQueue = asyncio.Queue()
    outcome = await service.pipeline.run(job(service, "x", echo=True), pieces)
    first, *rest = put(pieces)
    assert first == Piece(0, "x")
    assert "x" + "".join(piece.text for piece in rest) == outcome.choices[0].text == "x" + FOX


async def test_a_retry_has_a_seed_of_its_own_and_some_temperature(compose: Compose) -> None:
    engine = FakeEngine(scripts=[" fine", " you fuck off", " fine too"])
    service = serving(compose, engine)
    outcome = await service.pipeline.run(job(service, choices=2))
    assert [choice.text for choice in outcome.choices] == [" fine", " fine too"]
    assert outcome.attempts == 2
    sampled = [(each.sampling.seed, each.sampling.temperature) for each in engine.generations]
    assert sampled == [(5, 0.0), (6, 0.0), (8, 0.8)]
    assert "autocomplete_guard_retries_total 1.0" in service.metrics.render().decode()


async def test_a_choice_of_which_something_was_shown_is_not_tried_again(compose: Compose) -> None:
    engine = FakeEngine(scripts=[" you fuck off", " fine"])
    service = serving(compose, engine)
    pieces: PieceQueue = asyncio.Queue()
    outcome = await service.pipeline.run(job(service), pieces)
    assert outcome.choices[0].finish_reason == "content_filter"
    assert "".join(piece.text for piece in put(pieces)) == " you "
    assert len(engine.generations) == 1


async def test_the_guard_s_bias_holds_where_the_guard_does(compose: Compose) -> None:
    engine = FakeEngine()
    service = serving(compose, engine, profanity="off")
    service.pipeline.bias = ((7, -8.0),)
    await service.pipeline.run(job(service))
    await service.pipeline.run(job(service, policy="mask"))
    assert [each.sampling.logit_bias for each in engine.generations] == [(), ((7, -8.0),)]


async def test_tokens_are_reported_one_by_one_where_each_counts(compose: Compose) -> None:
    engine = FakeEngine()
    service = serving(compose, engine)
    await service.pipeline.run(job(service))
    await service.pipeline.run(job(service, stop=["\n"]))
    await service.pipeline.run(job(service), asyncio.Queue())
    assert [generation.stream_interval for generation in engine.generations] == [8, 1, 1]


async def test_a_failed_choice_frees_the_others(compose: Compose) -> None:
    engine = FakeEngine(fail_after=20)
    service = serving(compose, engine)
    with pytest.raises(EngineFailedError):
        await service.pipeline.run(job(service, choices=3))
    assert engine.running == 0


async def test_tokens_of_a_choice_that_fails_are_counted_too(compose: Compose) -> None:
    service = serving(compose, FakeEngine(fail_after=9))
    with pytest.raises(EngineFailedError):
        await service.pipeline.run(job(service))
    assert "autocomplete_generation_tokens_total 9.0" in service.metrics.render().decode()


async def test_a_deadline_cuts_what_is_late_and_keeps_what_has_ended(
    compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine(scripts=[" you", " one two"])
    service = serving(compose, engine)
    stalled = job(service, choices=2, max_tokens=4, timeout_ms=300)
    monkeypatch.setattr("tests.fakes.FakeSteps", StallingSteps)
    pieces: PieceQueue = asyncio.Queue()
    outcome = await service.pipeline.run(stalled, pieces)
    ended = [(choice.text, choice.finish_reason) for choice in outcome.choices]
    assert ended == [(" you", "stop"), (" one", "timeout")]
    assert engine.running == 0
    shown = put(pieces)
    texts = ["".join(piece.text for piece in shown if piece.index == index) for index in (0, 1)]
    assert texts == [" you", " one"]


async def test_a_deadline_before_any_text_is_an_error(compose: Compose) -> None:
    engine = FakeEngine(pause=60)
    service = serving(compose, engine)
    with pytest.raises(DeadlineExceededError):
        await service.pipeline.run(job(service, choices=2, timeout_ms=20))
    assert engine.running == 0


async def test_a_timeout_of_something_else_is_no_deadline(compose: Compose) -> None:
    class TimingOut(ByteTokenizer):
        def tokenize(self, text: str) -> list[int]:
            raise TimeoutError

    service = serving(compose, FakeEngine(), open_tokenizer=TimingOut)
    with pytest.raises(TimeoutError):
        await service.pipeline.run(job(service))


async def test_results_of_works_side_by_side_are_in_their_order() -> None:
    async def after(turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return turns

    assert await gather_all([after(3), after(1), after(2)]) == [3, 1, 2]
    assert await gather_all([after(1)]) == [1]


async def test_the_first_failure_ends_the_other_works_and_is_raised_as_it_is() -> None:
    ended = asyncio.Event()

    async def failing() -> None:
        await asyncio.sleep(0)
        raise NotReadyError

    async def endless() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    with pytest.raises(NotReadyError):
        await gather_all([endless(), failing()])
    assert ended.is_set()


async def test_other_words_come_without_log_probabilities(
    compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.FakeSteps", OtherWord)
    service = serving(compose, FakeEngine())
    asked = job(service, max_tokens=6, alternatives=1)
    asked = replace(asked, sampling=replace(asked.sampling, logprobs=1))
    (choice,) = (await service.pipeline.run(asked)).choices
    assert (choice.text, [(a.text, a.confidence) for a in choice.alternatives]) == (
        " jumps",
        [(" runs", 0.25)],
    )
    assert choice.logprobs is not None
    assert b"".join(each.data for each in choice.logprobs) == b" jumps"


class FollowedBySuffix(FakeSteps):
    """What is typed is likely behind the other word only."""

    async def __anext__(self) -> Tokens:
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            assert self.finished is not None
            likely = bytes(self._generation.prompt).endswith(b" runs")
            other = Alternative(tuple(b" runs by"), (), 0.25)
            self.finished = replace(self.finished, alternatives=(other,), typed=-0.1 if likely else -5.0)
            raise


@pytest.mark.parametrize("streamed", [False, True])
async def test_of_several_words_the_one_comes_first_that_the_suffix_follows_best(
    compose: Compose, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    monkeypatch.setattr("tests.fakes.FakeSteps", FollowedBySuffix)
    engine = FakeEngine([" jumps"])
    service = serving(compose, engine, vocabulary=Vocabulary.of([*(bytes([n]) for n in range(256)), b""]))
    asked = job(service, max_tokens=9, alternatives=1, scored=True, until=None, suffix=" over it")
    (choice,) = (await service.pipeline.run(asked, asyncio.Queue() if streamed else None)).choices
    first, *scored = engine.generations
    texts = [choice.text, *(other.text for other in choice.alternatives)]
    assert first.alternatives == 1
    if streamed:
        assert (texts, scored) == ([" jumps", " runs"], [])
    else:
        assert texts == [" runs", " jumps"]
        assert choice.confidence == 0.25
        prompts = [bytes(each.prompt).removeprefix(bytes(first.prompt)) for each in scored]
        assert prompts == [b" jumps", b" runs"]
        assert {(each.typed, each.max_tokens, each.scores) for each in scored} == {(b" over", 1, True)}


async def test_a_suffix_is_not_judged_as_it_may_begin_and_end_inside_words(compose: Compose) -> None:
    service = serving(compose, FakeEngine())
    outcome = await service.pipeline.run(job(service, "the cl", suffix="ass is in the second ass"))
    assert outcome.choices[0].text == " jumps over the lazy dog."


async def test_a_text_ends_where_it_runs_into_the_suffix_and_so_do_other_words(
    compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.FakeSteps", OtherWord)
    service = serving(compose, FakeEngine([" jumps over the lazy dog"]))
    asked = job(service, max_tokens=20, alternatives=1, suffix=" over it")
    (choice,) = (await service.pipeline.run(asked, asyncio.Queue())).choices
    assert (choice.text, choice.finish_reason) == (" jumps", "stop")
    assert [other.text for other in choice.alternatives] == [" runs"]
