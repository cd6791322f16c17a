"""tflite-runtime multiplies one row and many rows by different kernels: numbers agree to rounding, not in bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from app.engine.cache import DecodeCache
from app.engine.memory import Floats
from app.engine.prefix import Entry, PrefixCache
from app.engine.runner import Runner
from app.engine.tflite import open_tflite
from models.reference import Reference
from tests.tiny import TinyModel

LENGTH = 150
TEXT = np.random.Generator(np.random.PCG64(1)).integers(3, 49_000, LENGTH).tolist()
TOLERANCE = {"none": 1e-5, "dynamic": 0.1}  # an activation may be rounded to its other neighbour


def prefill(runner: Runner, chunks: Sequence[int]) -> tuple[Floats, Entry]:
    """Logits of every token of TEXT, computed in chunks; and what was cached."""
    entry, _ = PrefixCache(runner.shape, budget=0).acquire(np.array(TEXT, np.int32))
    logits = []
    for count in chunks:
        tokens = np.array(TEXT[entry.length : entry.length + count], np.int32)
        logits.append(runner.prefill(entry, tokens, range(count)))
    return np.concatenate(logits), entry


class Whole:
    """A tiny model, and all of TEXT computed in one call."""

    def __init__(self, model: TinyModel) -> None:
        self.model = model
        self.tolerance = TOLERANCE[model.manifest.quantization]
        self.runner = open_tflite(model.path, model.shape, threads=1)
        self.logits, self.entry = prefill(self.runner, [LENGTH])

    def is_close(self, found: Floats, expected: Floats) -> bool:
        return found.shape == expected.shape and float(np.std(found - expected)) < self.tolerance


@pytest.fixture(
    scope="module",
    params=[("llama", "none"), ("llama", "dynamic"), ("gpt2", "none"), ("gpt2", "dynamic")],
    ids=" ".join,
)
def whole(request: pytest.FixtureRequest, tiny: Callable[..., TinyModel]) -> Whole:
    return Whole(tiny(*request.param, "tflite-runtime"))


@pytest.mark.parametrize("chunks", [[1] * 30 + [120], [64, 64, 22], [149, 1], [50, 100]])
def test_a_prompt_in_chunks_gives_the_same_logits(whole: Whole, chunks: list[int]) -> None:
    logits, entry = prefill(whole.runner, chunks)
    assert whole.is_close(logits, whole.logits)
    assert whole.is_close(entry.cached, whole.entry.cached)


@pytest.mark.parametrize("starts", [[40], [5, 120, 63], [1, 1, 70, 90]])
def test_decoding_in_any_batch_gives_the_logits_of_the_prompt(whole: Whole, starts: list[int]) -> None:
    cache = DecodeCache(whole.runner.shape, slots=4)
    cache.fit(max(starts) + 3, 0)
    for slot, start in enumerate(starts):
        cache.load(slot, whole.entry.cached[:, :start])
    for step in range(3):
        positions = [start + step for start in starts]
        logits = whole.runner.decode(cache, [TEXT[p] for p in positions], positions)
        assert whole.is_close(logits, whole.logits[positions])
    for slot, start in enumerate(starts):
        assert whole.is_close(cache.rows(slot, 0, start + 3), whole.entry.cached[:, : start + 3])


@pytest.mark.parametrize(("start", "count"), [(3, 1), (60, 8), (100, 5)])
def test_drafted_tokens_get_the_logits_of_the_prompt(whole: Whole, start: int, count: int) -> None:
    cache = DecodeCache(whole.runner.shape, slots=2)
    cache.fit(start + count, 0)
    cache.load(0, whole.entry.cached[:, :start])
    drafted = whole.runner.extend(cache, TEXT[start : start + count], start)
    assert whole.is_close(drafted.logits, whole.logits[start : start + count])
    cache.write(0, start, drafted.keys, drafted.values)
    assert whole.is_close(cache.rows(0, 0, start + count), whole.entry.cached[:, : start + count])


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_logits_in_float32_are_those_of_the_reference(tiny: Callable[..., TinyModel], family: str) -> None:
    whole = Whole(tiny(family, "none", "tflite-runtime"))
    assert whole.is_close(whole.logits, Reference(whole.model.checkpoint).extend(TEXT))


@pytest.mark.xfail(raises=RuntimeError, reason="tflite-runtime 2.14 has no GATHER of float16")
def test_a_float16_file_runs(tiny: Callable[..., TinyModel]) -> None:
    model = tiny("llama", "float16", "tflite-runtime")
    prefill(open_tflite(model.path, model.shape, threads=1), [LENGTH])


def test_a_file_with_scales_per_channel_is_refused(tiny: Callable[..., TinyModel]) -> None:
    model = tiny("llama", "dynamic", "litert")
    with pytest.raises(ValueError, match="FULLY_CONNECTED' version '12'"):
        open_tflite(model.path, model.shape, threads=1)
