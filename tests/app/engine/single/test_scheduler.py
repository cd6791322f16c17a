from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from app.engine.messages import (
    Failed,
    Finished,
    FromEngine,
    Generation,
    Logprob,
    Prefilled,
    Sampling,
    Stats,
    Tokens,
)
from app.engine.single.scheduler import SingleScheduler, Work, Writing
from app.model.shape import ModelShape


@dataclass
class Scripted:
    """Computes the prompt in chunks of two, then counts up from its last token; a 9 cannot be computed."""

    shape: ModelShape = field(
        default_factory=lambda: ModelShape(1, 1, 1, 1, vocabulary=50, sequence_length=20)
    )
    began: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)

    def write(self, generation: Generation) -> Writing:
        first = generation.prompt[0]
        self.began.append(first)
        try:
            for at in range(0, len(generation.prompt), 2):
                yield Work(prefilled=len(generation.prompt[at : at + 2]), cached=int(at == 0))
            for number in range(generation.max_tokens):
                token = generation.prompt[-1] + number + 1
                if token == 9:
                    raise RuntimeError("nine")
                if token in generation.stop_ids:
                    return "stop"
                yield Work(ids=(token,), logprobs=(Logprob(-1.0, ()),))
            return "length"
        finally:
            self.closed.append(first)


@pytest.fixture
def writer() -> Scripted:
    return Scripted()


@pytest.fixture
def scheduler(writer: Scripted) -> SingleScheduler:
    ticks: Iterator[int] = iter(range(1000))
    return SingleScheduler(writer, clock=lambda: float(next(ticks)))


def drain(scheduler: SingleScheduler) -> list[FromEngine]:
    said: list[FromEngine] = []
    while scheduler.busy:
        said += scheduler.step()
    return said


def test_a_generation_is_answered_token_by_token(scheduler: SingleScheduler) -> None:
    scheduler.submit(7, Generation((3, 4), 2))
    prefilled, *tokens, finished = drain(scheduler)
    assert isinstance(prefilled, Prefilled)
    assert (prefilled.number, prefilled.cached_tokens) == (7, 1)
    assert tokens == [Tokens(7, (token,), (Logprob(-1.0, ()),)) for token in (5, 6)]
    assert finished == Finished(7, "length")


def test_times_are_those_of_the_queue_and_of_the_prompt_with_its_first_token(
    scheduler: SingleScheduler,
) -> None:
    scheduler.submit(1, Generation((3, 4), 1))  # at 0
    prefilled, *_ = drain(scheduler)  # admitted at 1, the first token there at 2
    assert prefilled == Prefilled(1, cached_tokens=1, queue_seconds=1.0, prefill_seconds=1.0)


def test_tokens_are_gathered_after_the_first(scheduler: SingleScheduler) -> None:
    scheduler.submit(1, Generation((3,), 5, stream_interval=3))
    tokens = [message.ids for message in drain(scheduler) if isinstance(message, Tokens)]
    assert tokens == [(4,), (5, 6, 7), (8,)]


def test_a_generation_that_ends_at_once_says_what_its_prompt_cost(scheduler: SingleScheduler) -> None:
    scheduler.submit(1, Generation((3,), 5, stop_ids=(4,)))
    prefilled, finished = drain(scheduler)
    assert isinstance(prefilled, Prefilled)
    assert finished == Finished(1, "stop")


def test_a_stop_id_ends_a_generation(scheduler: SingleScheduler) -> None:
    scheduler.submit(1, Generation((3,), 5, stop_ids=(5,)))
    _, tokens, finished = drain(scheduler)
    assert isinstance(tokens, Tokens)
    assert tokens.ids == (4,)
    assert finished == Finished(1, "stop")


def test_generations_are_written_one_after_the_other(scheduler: SingleScheduler, writer: Scripted) -> None:
    scheduler.submit(1, Generation((10,), 2))
    scheduler.submit(2, Generation((20,), 2))
    scheduler.step()
    assert (scheduler.stats.slots_busy, scheduler.stats.waiting, scheduler.running) == (1, 1, 1)
    numbers = [message.number for message in drain(scheduler) if isinstance(message, Tokens)]
    assert numbers == [1, 1, 2, 2]
    assert writer.closed == [10, 20]
    assert not scheduler.busy


def test_a_cancelled_generation_is_closed_at_once(scheduler: SingleScheduler, writer: Scripted) -> None:
    scheduler.submit(1, Generation((10,), 5))
    scheduler.submit(2, Generation((20,), 1))
    scheduler.submit(3, Generation((30,), 1))
    scheduler.step()
    scheduler.cancel(1)
    scheduler.cancel(2)
    scheduler.cancel(99)
    said = drain(scheduler)
    assert {message.number for message in said if isinstance(message, Tokens | Finished)} == {3}
    assert writer.began == [10, 30]
    assert writer.closed == [10, 30]


def test_a_generation_that_fails_fails_alone(scheduler: SingleScheduler) -> None:
    scheduler.submit(1, Generation((7,), 5))
    scheduler.submit(2, Generation((20,), 1))
    said = drain(scheduler)
    assert [message for message in said if isinstance(message, Failed)] == [Failed(1, "nine")]
    assert [message.number for message in said if isinstance(message, Finished)] == [2]


@pytest.mark.parametrize(
    ("generation", "reason"),
    [
        (Generation((), 1), "1 tokens do not fit 20"),
        (Generation((1,), 0), "1 tokens do not fit 20"),
        (Generation((1,) * 11, 10), "21 tokens do not fit 20"),
        (Generation((50,), 1), "a token id is outside the vocabulary"),
        (
            Generation((1,), 1, Sampling(logit_bias=((50, 1.0),))),
            "a token id is outside the vocabulary",
        ),
    ],
)
def test_a_malformed_generation_fails_alone(
    scheduler: SingleScheduler, generation: Generation, reason: str
) -> None:
    scheduler.submit(1, generation)
    assert drain(scheduler) == [Failed(1, reason)]


def test_counters_count(scheduler: SingleScheduler) -> None:
    scheduler.submit(1, Generation((3, 4, 5), 2))
    drain(scheduler)
    stats = scheduler.stats
    assert stats == Stats(
        decode_steps=2,
        decode_rows=2,
        cached_tokens=1,
    )
