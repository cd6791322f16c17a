"""tflite-runtime has other kernels for one row than for many: numbers agree to rounding, not in bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.engine.kv.arrays import Floats
from app.engine.runtimes.tflite_runtime import open_tflite
from models.checkpoint.numpy_decoder import Reference
from tests.app.engine.whole import LENGTH, TEXT, Whole, prefill
from tests.tiny import TinyModel

pytestmark = [pytest.mark.tflite_runtime, pytest.mark.slow]

TOLERANCE = {"none": 1e-5, "dynamic": 0.1}  # an activation may be rounded to its other neighbour


def is_close(whole: Whole, found: Floats, expected: Floats) -> bool:
    difference = float(np.sqrt(np.mean((found - expected) ** 2)))
    return found.shape == expected.shape and difference < TOLERANCE[whole.model.manifest.quantization]


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
    assert is_close(whole, logits, whole.logits)
    assert is_close(whole, entry.cached, whole.entry.cached)


@pytest.mark.parametrize("starts", [[40], [5, 120, 63], [1, 1, 70, 90]])
def test_decoding_in_any_batch_gives_the_logits_of_the_prompt(whole: Whole, starts: list[int]) -> None:
    whole.fill(starts, 128)
    for step in range(3):
        positions = [start + step for start in starts]
        logits = whole.runner.decode(whole.cache, [TEXT[p] for p in positions], positions)
        assert is_close(whole, logits, whole.logits[positions])
    for slot, start in enumerate(starts):
        assert is_close(whole, whole.cache.rows(slot, 0, start + 3), whole.entry.cached[:, : start + 3])


@pytest.mark.parametrize(("start", "count"), [(3, 1), (60, 8), (100, 5)])
def test_drafted_tokens_get_the_logits_of_the_prompt(whole: Whole, start: int, count: int) -> None:
    whole.fill([start], 128)
    drafted = whole.runner.extend(whole.cache, TEXT[start : start + count], start)
    assert is_close(whole, drafted.logits, whole.logits[start : start + count])
    whole.cache.write(0, start, drafted.rows)
    assert is_close(whole, whole.cache.rows(0, 0, start + count), whole.entry.cached[:, : start + count])


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_logits_in_float32_are_those_of_the_reference(tiny: Callable[..., TinyModel], family: str) -> None:
    whole = Whole(tiny(family, "none", "tflite-runtime"))
    assert is_close(whole, whole.logits, Reference(whole.model.checkpoint).extend(TEXT))


def test_a_float16_file_runs(tiny: Callable[..., TinyModel]) -> None:
    model = tiny("llama", "float16", "tflite-runtime")
    prefill(open_tflite(model.path, model.shape, threads=1), [LENGTH])


def test_a_file_with_scales_per_channel_is_refused(tiny: Callable[..., TinyModel]) -> None:
    model = tiny("llama", "dynamic", "litert")
    with pytest.raises(ValueError, match="FULLY_CONNECTED' version '12'"):
        open_tflite(model.path, model.shape, threads=1)
