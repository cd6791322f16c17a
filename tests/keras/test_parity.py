"""A built file beside KerasHub's own `generate()`, run by `make test-keras`: TensorFlow lives apart."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import keras_hub
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from app.engine.worker.offline import complete_greedily
from app.model.tokenizer import open_text_model
from models.checkpoint.numpy_decoder import Reference
from models.evaluation.perplexity import TEXTS
from models.graphs.baked_sampler import Sampler, sample
from models.sources import read_checkpoint
from models.tflite.graph import Array, Model
from tests.conftest import ARTIFACTS
from tests.keras.preset import save_preset
from tests.tiny import TinyModel, build_tiny

PROMPTS, TOKENS = 50, 64
DRAWS, BATCH = 2048, 256


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preset") / "gpt2_tiny"
    save_preset(folder)
    return folder


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


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (keras_hub.samplers.RandomSampler(temperature=0.7, seed=1), Sampler(0.7, seed=2)),
        (keras_hub.samplers.TopKSampler(k=5, temperature=1.0, seed=1), Sampler(1.0, top_k=5, seed=2)),
        (keras_hub.samplers.TopPSampler(p=0.6, temperature=0.8, seed=1), Sampler(0.8, top_p=0.6, seed=2)),
    ],
    ids=["random", "top-k", "top-p"],
)
def test_sampled_tokens_come_as_often_as_kerashubs(
    keras_model: Any, model: TinyModel, theirs: Any, ours: Sampler
) -> None:
    """The token behind one prompt, 2,048 times each."""
    prompt = prompts()[0]
    length = 1 + len(keras_model.preprocessor.tokenizer(prompt))
    inputs = keras_model.preprocessor.generate_preprocess([prompt] * BATCH, sequence_length=length + 1)
    keras_model.compile(sampler=theirs)
    generate, drawn = keras_model.make_generate_function(), list[int]()
    while len(drawn) < DRAWS:
        found = generate(dict(inputs), stop_token_ids=None)
        drawn += [int(i) for i in np.asarray(found["token_ids"])[:, length]]
    keras_model.compile(sampler="greedy")
    start = [int(i) for i in np.asarray(inputs["token_ids"])[0, :length]]
    logits = Reference(model.checkpoint).extend(start)[-1]
    mine = draw(ours, logits)
    kept = {int(i) for i in np.argsort(-logits)[: ours.top_k]} if ours.top_k else set(range(len(logits)))
    assert set(drawn) | set(mine) <= kept
    assert chi_square(drawn, mine) < 4


def draw(sampler: Sampler, logits: Array) -> list[int]:
    """Tokens out of a graph over logits [V], each with the random numbers that the last one left."""
    file = Model("sampler")
    graph = file.subgraph("sample")
    state = graph.input("state", [3], "int32")
    token, after = sample(sampler, graph.constant(logits[None]), state)
    graph.output("token", token)
    graph.output("following", after)
    file.signature(graph)
    run = Interpreter(model_content=bytes(file.pack())).get_signature_runner("sample")
    following, found = sampler.start, list[int]()
    while len(found) < DRAWS:
        outcome = run(state=following)
        following = outcome["following"]
        found.append(int(outcome["token"][0]))
    return found


def chi_square(a: list[int], b: list[int]) -> float:
    """Distance of two samples in standard deviations of the statistic; rare tokens count as one."""
    counts = np.stack([np.bincount(x, minlength=50257) for x in (a, b)])
    rare = counts.sum(0) < 20
    counts = np.concatenate([counts[:, ~rare], counts[:, rare].sum(1, keepdims=True)], 1)
    total = counts.sum(0)
    statistic = float((np.square(counts[0] - counts[1])[total > 0] / total[total > 0]).sum())
    freedom = max(1, int((total > 0).sum()) - 1)
    return (statistic - freedom) / float(np.sqrt(2 * freedom))
