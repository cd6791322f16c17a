from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.config import EngineConfig
from app.engine.kv.arrays import Floats
from app.engine.messages import Generation, Sampling
from app.engine.single.scheduler import Work
from app.engine.single.static_decoder import FEW, BoundDecoder, _Call, open_bound, plan
from app.model.foreign.static_decoder import read_decoder
from app.model.kinds import StaticDecoder
from app.model.tables import read_tables
from models.checkpoint.numpy_decoder import Reference
from tests.plugged import LENGTH, WIDTHS, toy_checkpoint, write_decoder

END = 260
TEXT = np.random.Generator(np.random.PCG64(5)).integers(1, 260, 120).tolist()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> EngineConfig:
    path = write_decoder(tmp_path_factory.mktemp("bound-") / "toy.tflite", toy_checkpoint())
    found = read_decoder(path, read_tables(path), 0, path.stat().st_size)
    return EngineConfig(
        model=path,
        digest="ab" * 32,
        runtime="litert",
        shape=found.shape,
        threads=1,
        slots=1,
        prefill_chunk=32,
        cache_bytes=0,
        cache_folder=path.parent,
        foreign=found.decoder,
    )


@pytest.fixture(scope="module")
def decoder(config: EngineConfig) -> BoundDecoder:
    return opened(config)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(toy_checkpoint())


def opened(config: EngineConfig) -> BoundDecoder:
    assert isinstance(config.foreign, StaticDecoder)
    return open_bound(config, config.foreign)


def write(decoder: BoundDecoder, generation: Generation) -> tuple[list[Work], str]:
    writing, works = decoder.write(generation), []
    while True:
        try:
            works.append(next(writing))
        except StopIteration as end:
            return works, end.value


def ids(works: list[Work]) -> list[int]:
    return [token for work in works for token in work.ids]


@pytest.mark.parametrize("length", [1, 2, 5, 9, 40, 41, 100])
def test_a_prompt_of_any_length_is_continued_as_the_reference_does(
    decoder: BoundDecoder, reference: Reference, length: int
) -> None:
    prompt = TEXT[-length:]
    works, reason = write(decoder, Generation(tuple(prompt), 20, stop_ids=(END,)))
    assert ids(works) == reference.greedy(prompt, 20, [END])
    assert reason == "length"
    assert works[0].cached + sum(work.prefilled for work in works) == length


def test_the_whole_length_can_be_used(decoder: BoundDecoder, reference: Reference) -> None:
    prompt = (TEXT * 3)[: LENGTH - 10]
    works, _ = write(decoder, Generation(tuple(prompt), 10))
    assert ids(works) == reference.greedy(prompt, 10, [])


def test_an_end_is_a_stop_and_is_not_reported(decoder: BoundDecoder, reference: Reference) -> None:
    expected = reference.greedy(TEXT[:30], 8, [])
    works, reason = write(decoder, Generation(tuple(TEXT[:30]), 8, stop_ids=(expected[3],)))
    assert ids(works) == expected[: expected.index(expected[3])]
    assert reason == "stop"


def test_what_a_prompt_shares_with_the_last_one_stays(decoder: BoundDecoder, reference: Reference) -> None:
    write(decoder, Generation(tuple(TEXT[:80]), 5))
    prompt = [*TEXT[:70], 9, 9, 9]
    works, _ = write(decoder, Generation(tuple(prompt), 12))
    assert works[0].cached == 70
    assert ids(works) == reference.greedy(prompt, 12, [])


def test_what_was_generated_stays_too(decoder: BoundDecoder, reference: Reference) -> None:
    works, _ = write(decoder, Generation(tuple(TEXT[:50]), 6))
    prompt = [*TEXT[:50], *ids(works), 3]
    works, _ = write(decoder, Generation(tuple(prompt), 4))
    assert works[0].cached == 55  # the last token generated was never fed
    assert ids(works) == reference.greedy(prompt, 4, [])


def test_a_cached_prefix_changes_no_bit(decoder: BoundDecoder) -> None:
    asked = Generation(tuple(TEXT[:60]), 5, Sampling(logprobs=2))
    write(decoder, Generation((1,), 1))
    cold = write(decoder, asked)[0]
    warm = write(decoder, asked)[0]
    assert (cold[0].cached, warm[0].cached) == (0, 59)
    assert [work.logprobs for work in cold if work.ids] == [work.logprobs for work in warm if work.ids]


def test_a_generation_that_is_closed_leaves_a_sound_cache(
    decoder: BoundDecoder, reference: Reference
) -> None:
    for works in range(1, 5):
        writing = decoder.write(Generation(tuple(TEXT[20:100]), 9))
        for _ in range(works):
            next(writing)
        writing.close()
        found, _ = write(decoder, Generation(tuple(TEXT[20:90]), 6))
        assert ids(found) == reference.greedy(TEXT[20:90], 6, [])


@pytest.mark.parametrize("works", [2, None])  # left while the prompt is computed; failed at its end
def test_values_that_are_not_finite_reach_no_later_generation(
    decoder: BoundDecoder, reference: Reference, monkeypatch: pytest.MonkeyPatch, works: int | None
) -> None:
    run = decoder._run

    def poisoned(call: _Call, tokens: Sequence[int]) -> Floats:
        logits = run(call, tokens)
        for cache in decoder._caches.values():
            cache.fill(np.nan)
        return np.full_like(logits, np.nan)

    monkeypatch.setattr(decoder, "_run", poisoned)
    writing = decoder.write(Generation(tuple(TEXT[20:100]), 9))
    if works is None:
        with pytest.raises(FloatingPointError, match="the model's logits are not finite"):
            list(writing)
    for _ in range(works or 0):
        next(writing)
    writing.close()
    monkeypatch.undo()
    found, _ = write(decoder, Generation(tuple(TEXT[20:90]), 6))
    assert ids(found) == reference.greedy(TEXT[20:90], 6, [])


def test_a_seed_gives_one_text_and_another_another(decoder: BoundDecoder) -> None:
    texts = [
        ids(write(decoder, Generation(tuple(TEXT[:9]), 12, Sampling(temperature=1.0, seed=seed)))[0])
        for seed in (3, 3, 4)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_a_start_is_put_before_prompts_that_lack_it(config: EngineConfig, reference: Reference) -> None:
    assert isinstance(config.foreign, StaticDecoder)
    decoder = opened(replace(config, foreign=replace(config.foreign, start_id=0)))
    expected = reference.greedy([0, *TEXT[:9]], 8, [])
    for prompt in (TEXT[:9], [0, *TEXT[:9]]):
        works, _ = write(decoder, Generation(tuple(prompt), 8))
        assert ids(works) == expected
    again, _ = write(decoder, Generation(tuple(TEXT[:9]), 8))
    assert again[0].cached == 8  # the start is nobody's token
    assert sum(work.prefilled for work in again) == 1


def test_a_model_inside_a_container_gives_the_same_tokens(
    config: EngineConfig, decoder: BoundDecoder, tmp_path: Path
) -> None:
    assert isinstance(config.foreign, StaticDecoder)
    data, path = config.model.read_bytes(), tmp_path / "around.litertlm"
    path.write_bytes(b"x" * 100 + data)
    inner = replace(config.foreign, begin=100, end=100 + len(data))
    found = opened(replace(config, model=path, cache_folder=tmp_path, foreign=inner))
    asked = Generation(tuple(TEXT[:9]), 8)
    assert ids(write(found, asked)[0]) == ids(write(decoder, asked)[0])


def test_chunks_are_no_longer_than_asked_for(config: EngineConfig) -> None:
    assert list(opened(replace(config, prefill_chunk=8))._prefill) == [8]
    assert list(opened(replace(config, prefill_chunk=1))._prefill) == [8]
    assert list(opened(replace(config, prefill_chunk=500))._prefill) == list(WIDTHS)


@pytest.mark.parametrize(
    ("start", "end", "calls"),
    [
        (0, 0, []),
        (0, FEW, [(1, 1)] * FEW),
        (0, 6, [(8, 6)]),
        (0, 20, [(32, 20)]),
        (0, 16, [(8, 8), (8, 8)]),
        (10, 50, [(32, 32), (8, 8)]),
        (0, 130, [(128, 128), (1, 1), (1, 1)]),
        (0, 70, [(128, 70)]),
        (245, 251, [(8, 6)]),
        (250, 256, [(1, 1)] * 6),
    ],
)
def test_a_prompt_is_computed_in_few_calls_with_little_padding(
    start: int, end: int, calls: list[tuple[int, int]]
) -> None:
    assert plan([8, 32, 128], start, end, 256) == calls


@given(st.integers(0, 256), st.integers(0, 256), st.sets(st.sampled_from([8, 32, 128, 512])))
def test_every_token_is_computed_once_and_padding_fits(start: int, count: int, widths: set[int]) -> None:
    end, at = min(start + count, 256), start
    for width, taken in plan(sorted(widths), start, end, 256):
        assert 1 <= taken <= width
        assert at + width <= 256
        at += taken
    assert at == max(start, end)


def test_forced_tokens_are_scored_and_then_others_chosen(decoder: BoundDecoder) -> None:
    plain, _ = write(decoder, Generation(tuple(TEXT[:12]), 4, stop_ids=(END,)))
    sampling = Sampling(logprobs=1)
    forced, end = write(
        decoder, Generation((TEXT[0],), 15, sampling, stop_ids=(END, TEXT[3]), forced=tuple(TEXT[1:12]))
    )
    tokens = [token for work in forced for token in work.ids]
    assert tokens == [*TEXT[1:12], *(token for work in plain for token in work.ids)]
    assert end == "length"
    scores = [score for work in forced for score in work.logprobs]
    assert len(scores) == 15
    assert all(score.chosen <= score.top[0][1] for score in scores)
