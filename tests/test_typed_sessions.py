"""Texts that are typed key by key: what the caches know changes no answer.

TEST_EXAMPLES sets how many sessions run on scripted logits, and a twentieth of them on the real file
(`make test-sessions`: 1,000 and 50).
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app.engine.batch.scheduler import Scheduler
from app.engine.batch.search_lanes import SEARCH_LANES
from app.engine.batch.speculation import Drafter
from app.engine.kv.decode_cache import DecodeCache
from app.engine.kv.prefix_cache import PrefixCache
from app.engine.messages import Finished, FromEngine, Generation, Logprob, Sampling, Score, Tokens
from app.engine.runtimes.interface import Runner
from app.engine.worker.offline import offline_config
from app.engine.worker.process import open_runner
from app.model.manifest import read_manifest
from app.model.shape import model_shape
from app.model.vocabulary import Vocabulary
from bench.typing.texts import project_texts
from tests.app.engine.batch.test_scheduler import VOCABULARY, spelled
from tests.app.engine.fake_runner import FakeRunner
from tests.test_healed_text import MODEL, Prompts

EXAMPLES = int(os.environ.get("TEST_EXAMPLES", "80"))
SHARES = 4
"""Tests that divide the sessions, so that several cores take them."""

KEYS = 14
"""Of a scripted session."""

REAL_KEYS = 8

PIECE = re.compile(r" ?\S*\Z")

Split = Callable[[str], tuple[tuple[int, ...], bytes]]
"""Token ids of a text, and the bytes at its end that are healed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one generation has got."""

    ids: tuple[int, ...]
    logprobs: tuple[Logprob, ...]
    scores: tuple[Score, ...]
    end: Finished | None


def answers(messages: list[FromEngine], number: int) -> Answer:
    found = [m for m in messages if isinstance(m, Tokens) and m.number == number]
    ends = [replace(m, number=0) for m in messages if isinstance(m, Finished) and m.number == number]
    return Answer(
        tuple(token for m in found for token in m.ids),
        tuple(one for m in found for one in m.logprobs),
        tuple(one for m in found for one in m.scores),
        ends[0] if ends else None,
    )


def drain(scheduler: Scheduler) -> list[FromEngine]:
    said = list[FromEngine]()
    while scheduler.busy:
        said += scheduler.step()
    return said


def settings_of(rng: random.Random, vocabulary_size: int) -> Callable[[tuple[int, ...], bytes], Generation]:
    """A writer's settings: a generation for what is typed."""
    hot = rng.random() < 0.4
    sampling = Sampling(
        temperature=rng.choice([0.3, 0.8, 1.5]) if hot else 0.0,
        top_k=rng.choice([0, 0, 5, 40]),
        top_p=rng.choice([1.0, 0.9, 0.5]),
        min_p=rng.choice([0.0, 0.0, 0.1]),
        repetition_penalty=rng.choice([1.0, 1.0, 1.3]),
        presence_penalty=rng.choice([0.0, 0.0, 0.7]),
        frequency_penalty=rng.choice([0.0, 0.0, 0.4]),
        logit_bias=tuple(
            (rng.randrange(vocabulary_size), rng.choice([-100.0, -2.0, 3.0]))
            for _ in range(rng.choice([0, 0, 2]))
        ),
        seed=rng.randrange(4),
        logprobs=rng.choice([None, None, 0, 3]),
        min_tokens=rng.choice([0, 0, 3]),
    )
    tokens, alternatives = rng.choice([1, 4, 8]), rng.choice([0, 0, 0, 2])
    stop_ids = tuple(rng.sample(range(vocabulary_size), rng.choice([0, 2])))
    scores, stream = rng.random() < 0.3, rng.choice([1, 8])
    owner = rng.choice(["", "one", "other"])

    def generation(prompt: tuple[int, ...], typed: bytes) -> Generation:
        return Generation(
            prompt,
            tokens,
            sampling,
            stop_ids,
            stream,
            typed,
            scores=scores,
            alternatives=alternatives,
            owner=owner,
        )

    return generation


def typed_texts(
    rng: random.Random, letters: Iterator[str], keys: int
) -> Iterator[tuple[str, Callable[[str], None]]]:
    """All that is typed at each key, and how to say what was suggested there.

    Now and then a suggestion is taken, the last letters are deleted, or the caret is somewhere else.
    """
    text, taken = "", list[str]()
    for _ in range(keys):
        chance = rng.random()
        if taken and chance < 0.15:
            text += taken[-1]
        elif text and chance < 0.25:
            text = text[: -rng.randrange(1, 4)]
        elif text and chance < 0.3:
            text = text[: rng.randrange(len(text))]
        else:
            text += next(letters)
        yield text, taken.append


def play(
    rng: random.Random,
    engine: Callable[[], Scheduler],
    split: Split,
    vocabulary: Vocabulary,
    texts: tuple[Iterator[str], Iterator[str]],
    keys: int,
) -> None:
    """Two people type at one engine; every answer is that of a fresh engine to the request alone."""
    scheduler = engine()
    size = len(vocabulary.pieces)
    writers = [(settings_of(rng, size), typed_texts(rng, text, keys)) for text in texts]
    number = 0
    for (text, take), (other_text, take_other) in zip(*(typed for _, typed in writers), strict=True):
        asked = [(writers[0][0](*split(text)), take)]
        if rng.random() < 0.3:
            asked.append((writers[1][0](*split(other_text)), take_other))
        numbered = list(enumerate(asked, number))
        number += len(asked)
        for key, (generation, _) in numbered:
            scheduler.submit(key, generation)
        said = list[FromEngine]()
        if rng.random() < 0.15:  # the next key comes before the answer
            for _ in range(rng.randrange(6)):
                said += scheduler.step()
            scheduler.cancel(numbered[0][0])
        said += drain(scheduler)
        if rng.random() < 0.1:
            scheduler.release_idle()
        for key, (generation, tell) in numbered:
            fresh = engine()
            fresh.submit(0, generation)
            expected, found = answers(drain(fresh), 0), answers(said, key)
            if found.end is None:
                assert found.ids == expected.ids[: len(found.ids)]
            else:
                assert found == expected, generation
                written = b"".join(vocabulary.pieces[token] for token in found.ids)
                tell(written[len(generation.typed) :].decode(errors="ignore"))


def scripted(rng: random.Random) -> Callable[[], Scheduler]:
    """Makes engines of one kind on scripted logits."""
    slots, chunk = rng.choice([3, 4, 8]), rng.choice([3, 16, 64])
    budget, drafting = rng.choice([0, 20_000, 10**9]), rng.random() < 0.5
    memory = rng.choice([10**6, 10**6, 3])

    def engine() -> Scheduler:
        runner = FakeRunner(memory)
        cache = DecodeCache(runner.shape, slots + SEARCH_LANES)
        drafter = Drafter() if drafting else None
        prefixes = PrefixCache(runner.shape, budget)
        return Scheduler(runner, cache, prefixes, prefill_chunk=chunk, vocabulary=VOCABULARY, drafter=drafter)

    return engine


def split_scripted(text: str) -> tuple[tuple[int, ...], bytes]:
    found = PIECE.search(text)
    before = text[: found.start()] if found else text
    kept = "".join(c for c in before if c in " abc.é12")
    return spelled(kept)[-100:] or (0,), "".join(c for c in text[len(before) :] if c in " abc.é").encode()


def letters(rng: random.Random) -> Iterator[str]:
    while True:
        yield rng.choice("aaabbc  .é")


def prose(rng: random.Random, bodies: list[str]) -> Iterator[str]:
    """Letters of a text from somewhere inside on; what stands before comes at once."""
    body = rng.choice(bodies)
    at = rng.randrange(max(1, len(body) - 40))
    yield body[:at] or "a"
    yield from body[at:] + 100 * " and"


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_typed_texts_get_what_a_fresh_engine_gives_each_request(share: int) -> None:
    for number in range(share, EXAMPLES, SHARES):
        rng = random.Random(number)
        texts = letters(rng), letters(rng)
        play(rng, scripted(rng), split_scripted, VOCABULARY, texts, KEYS)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_typed_texts_get_what_a_fresh_engine_gives_each_request_on_the_real_file(text_ops: Path) -> None:
    manifest = read_manifest(MODEL)
    prompts = Prompts(MODEL, manifest, text_ops)
    shape = model_shape(manifest)
    config = offline_config(MODEL, manifest, threads=2, slots=4, prefill_chunk=64, cache_bytes=2**26)
    runner: Runner = open_runner(config)
    bodies = [text.body for text in project_texts()]

    def engine() -> Scheduler:
        cache = DecodeCache(shape, config.slots + SEARCH_LANES)
        prefixes = PrefixCache(shape, config.cache_bytes)
        return Scheduler(
            runner, cache, prefixes, prefill_chunk=64, vocabulary=prompts.vocabulary, drafter=Drafter()
        )

    for number in range(max(2, EXAMPLES // 20)):
        rng = random.Random(number)
        texts = prose(rng, bodies), prose(rng, bodies)
        play(rng, engine, prompts.split, prompts.vocabulary, texts, REAL_KEYS)
