from __future__ import annotations

from collections.abc import Callable

import pytest

from app.engine.worker.offline import complete_greedily
from app.errors import EngineFailedError
from app.model.shape import ModelShape, model_shape
from models.checkpoint.numpy_decoder import Reference
from tests.tiny import TinyModel

PROMPTS = [[5], [100, 200, 300], list(range(1000, 1200)), [7] * 20]


def test_the_shape_is_the_manifests(tiny_model: TinyModel) -> None:
    shape = ModelShape(2, kv_heads=2, group=2, head_size=16, vocabulary=49_152, sequence_length=256)
    assert model_shape(tiny_model.manifest) == shape


@pytest.mark.parametrize("target", ["litert", "tflite-runtime"])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_greedy_tokens_are_the_references(tiny: Callable[..., TinyModel], family: str, target: str) -> None:
    model = tiny(family, "none", target)
    reference = Reference(model.checkpoint)
    expected = [reference.greedy(prompt, 20, model.manifest.end_ids) for prompt in PROMPTS]
    assert complete_greedily(model.path, model.manifest, PROMPTS, 20) == expected


def test_a_token_that_ends_the_text_ends_it(tiny_model: TinyModel) -> None:
    (tokens,) = complete_greedily(tiny_model.path, tiny_model.manifest, [[5]], 20)
    end = tokens[-1]
    manifest = tiny_model.manifest.model_copy(update={"end_ids": (end,)})
    assert complete_greedily(tiny_model.path, manifest, [[5]], 20) == [tokens[: tokens.index(end)]]


def test_a_prompt_that_does_not_fit_fails(tiny_model: TinyModel) -> None:
    with pytest.raises(EngineFailedError, match="270 tokens do not fit 256"):
        complete_greedily(tiny_model.path, tiny_model.manifest, [[1] * 250], 20)
