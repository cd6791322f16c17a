from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.checkpoint.vocabulary import Vocabulary
from models.errors import BuildError
from models.evaluation.perplexity import Quality, cut, measure, read_text
from tests.tiny import TinyModel

pytestmark = pytest.mark.slow


def test_windows_cover_the_first_tokens() -> None:
    ids = list(range(10))
    assert cut(ids, 8, 3) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert cut(ids, 100, 3) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]  # a token alone predicts nothing


def test_each_window_begins_with_the_models_start_token() -> None:
    assert cut(list(range(5)), 5, 3, start_id=9) == [[9, 0, 1], [9, 2, 3], [9, 4]]


@pytest.mark.parametrize(("name", "least"), [("quality", 20_000), ("calibration", 2048)])
def test_the_texts_are_long_enough(smollm2_vocabulary: Vocabulary, name: str, least: int) -> None:
    assert len(read_text(name, smollm2_vocabulary)) >= least


def test_the_texts_differ() -> None:
    vocabulary = Vocabulary(tuple(bytes([b]) for b in range(256)), (), frozenset(), digits=False)
    assert read_text("quality", vocabulary)[:500] != read_text("calibration", vocabulary)[:500]


@pytest.mark.parametrize(
    ("quantize", "target", "agreement"),
    [
        ("none", "litert", 1.0),
        ("none", "tflite-runtime", 1.0),
        ("dynamic", "litert", 0.8),
        ("dynamic", "tflite-runtime", 0.8),
        ("float16", "litert", 0.95),
        ("float16", "tflite-runtime", 0.95),
        ("int4", "litert", 0.2),
        ("int4", "tflite-runtime", 0.2),
    ],
)
def test_a_file_is_measured_beside_its_source(
    tiny: Callable[..., TinyModel], quantize: str, target: str, agreement: float
) -> None:
    model, told = tiny("llama", quantize, target), list[float]()
    found = measure(model.path, model.manifest, model.checkpoint, 600, told.append)
    assert (found.tokens, found.text) == (600, "quality.txt")
    assert told == [1 / 3, 2 / 3, 1.0]
    assert found.agreement >= agreement
    assert found.perplexity == pytest.approx(
        found.reference_perplexity, rel=1e-5 if quantize == "none" else 0.2
    )
    assert found.largest_difference < (1e-2 if quantize == "none" else 100)
    assert found.prefill_ms > 0
    assert found.decode_ms > 0


def test_another_checkpoint_does_not_agree(tiny_model: TinyModel) -> None:
    weights = dict(tiny_model.checkpoint.weights)
    weights["embedding"] = weights["embedding"][::-1].copy()
    other = replace(tiny_model.checkpoint, weights=weights)
    assert measure(tiny_model.path, tiny_model.manifest, other, 100, lambda share: None).agreement < 0.1


def test_numbers_that_are_not_finite_are_an_error(tiny_model: TinyModel) -> None:
    weights = {name: np.full_like(w, np.nan) for name, w in tiny_model.checkpoint.weights.items()}
    broken = replace(tiny_model.checkpoint, weights=weights)
    with pytest.raises(BuildError, match=r"tiny\.tflite: its logits are not finite"):
        measure(tiny_model.path, tiny_model.manifest, broken, 100, lambda share: None)


def test_a_record_is_text_and_rounded_numbers() -> None:
    record = Quality("quality.txt", 600, 12.345678, 12.3, 0.95, 1.0, 0.5, 2.0).record
    assert record == {
        "text": "quality.txt",
        "tokens": 600.0,
        "perplexity": 12.3457,
        "reference_perplexity": 12.3,
        "agreement": 0.95,
        "largest_difference": 1.0,
        "prefill_ms": 0.5,
        "decode_ms": 2.0,
    }
    assert {type(value) for value in record.values()} == {str, float}
