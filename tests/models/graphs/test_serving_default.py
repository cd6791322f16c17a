from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import InterpreterWithCustomOps

from app.engine.worker.offline import complete_greedily
from app.model.manifest import SignatureSpec, TensorSpec
from app.model.text_ops import text_op_registerers
from app.model.tokenizer import TextModel, open_text_model
from models.checkpoint.numpy_decoder import Reference
from models.graphs.baked_sampler import FACTORS, MODULI, Sampler
from models.tflite.graph import Array
from tests.conftest import Runtime
from tests.tiny import TinyModel, build_tiny, tiny_checkpoint

pytestmark = pytest.mark.slow

WINDOW, TOKENS = 40, 24
PROMPTS = [
    "The quick brown fox",
    "x",
    "  Zwölf Boxkämpfer\n\tjagen Viktor 😀",
    "1234567890",
    " the" * (WINDOW - 1),
    " the" * WINDOW,
    " the" * WINDOW + " quick brown fox",
    "long " * 2000,
]

ROUNDING = 3e-6
"""Of a cumulative probability: sums of a processor that adds in another order differ by less."""


class Served:
    """A tiny model behind its text signatures."""

    def __init__(self, model: TinyModel, text_ops: Path, runtime: Runtime) -> None:
        self.model = model
        self.text: TextModel = open_text_model(model.path, text_ops, runtime)

    def shown(self, prompt: str, ids: Sequence[int]) -> str:
        return (prompt.encode() + self.text.detokenize(ids)).decode(errors="replace")

    def engine(self, prompt: str) -> list[int]:
        """What the engine generates behind the window."""
        ids = self.text.tokenize(prompt)[-WINDOW:]
        (found,) = complete_greedily(self.model.path, self.model.manifest, [ids], TOKENS)
        return found


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def family(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def served(tiny: Callable[..., TinyModel], family: str, runtime: Runtime, text_ops: Path) -> Served:
    return Served(tiny(family, "none", runtime), text_ops, runtime)


@pytest.mark.parametrize("prompt", PROMPTS, ids=range(len(PROMPTS)))
def test_the_prompt_comes_back_with_the_engines_greedy_tokens_behind_it(served: Served, prompt: str) -> None:
    ids = served.engine(prompt)
    assert len(ids) == TOKENS
    assert served.text.complete(prompt) == served.shown(prompt, ids)


def test_an_empty_prompt_stands_for_the_token_that_ends_a_text(served: Served) -> None:
    reference = Reference(served.model.checkpoint)
    ids = reference.greedy([served.model.manifest.end_ids[0]], TOKENS, served.model.manifest.end_ids)
    assert served.text.complete("") == served.shown("", ids)


@pytest.mark.parametrize("count", [0, 1, WINDOW - 1, WINDOW, 2 * WINDOW])
def test_a_start_token_stands_before_every_prompt(
    smollm2_vocabulary: Any, text_ops: Path, tmp_path: Path, count: int
) -> None:
    checkpoint = replace(tiny_checkpoint("llama", smollm2_vocabulary), start_id=1)
    served = Served(build_tiny(tmp_path, checkpoint, text_ops), text_ops, "litert")
    prompt = "".join(f" {n % 7}" for n in range(count))
    ids = [1, *served.text.tokenize(prompt)[-(WINDOW - 1) :]]
    (found,) = complete_greedily(served.model.path, served.model.manifest, [ids], TOKENS)
    assert served.text.complete(prompt) == served.shown(prompt, found)
    assert served.model.manifest.start_id == 1


def test_one_call_leaves_nothing_behind_for_the_next(served: Served) -> None:
    first = served.text.complete(PROMPTS[0])
    served.text.complete(PROMPTS[2])
    assert served.text.complete(PROMPTS[0]) == first


@pytest.mark.parametrize(
    "sampler", [Sampler(0.8, seed=1), Sampler(1.2, top_k=40, top_p=0.9, seed=2)], ids=str
)
def test_a_baked_sampler_draws_from_the_models_distribution(
    smollm2_vocabulary: Any, text_ops: Path, tmp_path: Path, runtime: Runtime, sampler: Sampler
) -> None:
    """The same uniform numbers, drawn by hand from the reference's logits, choose the same tokens."""
    checkpoint = tiny_checkpoint("llama", smollm2_vocabulary)
    model = build_tiny(tmp_path, checkpoint, text_ops, target=runtime, serving_sampler=sampler)
    served, greedy = Served(model, text_ops, runtime), Reference(checkpoint)
    prompt = PROMPTS[0]
    found = served.text.complete(prompt)
    assert served.text.complete(prompt) == found
    drawn = by_hand(served, prompt, sampler, found)
    assert np.mean([draw.certain for draw in drawn]) > 0.5
    ids = served.text.tokenize(prompt)
    assert [draw.token for draw in drawn] != greedy.greedy(ids, TOKENS, checkpoint.end_ids)
    assert model.manifest.serving["temperature"] == sampler.temperature


@dataclass(frozen=True, slots=True)
class Draw:
    """A token, and whether its uniform number lies further from its neighbours than rounding reaches."""

    token: int
    certain: bool


def by_hand(served: Served, prompt: str, sampler: Sampler, found: str) -> list[Draw]:
    """Draws from the reference's logits; where rounding decides, those that the found text tells of."""
    end_ids = set(served.model.checkpoint.end_ids)

    def go_on(drawn: list[Draw], state: Array) -> list[Draw] | None:
        ids = [draw.token for draw in drawn]
        shown = served.shown(prompt, [token for token in ids if token not in end_ids])
        if len(drawn) == TOKENS or not end_ids.isdisjoint(ids):
            return drawn if shown == found else None
        if not found.startswith(shown.rstrip("\N{REPLACEMENT CHARACTER}")):
            return None
        state = (state * FACTORS) % MODULI
        logits = Reference(served.model.checkpoint).extend(served.text.tokenize(prompt) + ids)[-1]
        tokens = possible(logits, sampler, (state / MODULI).sum() % 1)
        ways = (go_on([*drawn, Draw(token, len(tokens) == 1)], state) for token in tokens)
        return next((way for way in ways if way is not None), None)

    drawn = go_on([], sampler.start)
    assert drawn is not None, f"no draws within rounding give {found!r}"
    return drawn


def possible(logits: Array, sampler: Sampler, uniform: float) -> list[int]:
    """The tokens that a uniform number may choose, by how sums and exponentials were rounded."""
    weights = np.exp((logits - logits.max()) / sampler.temperature)
    order = np.argsort(-weights) if sampler.top_k else np.arange(len(weights))
    order = order[: sampler.top_k or None]
    below = np.cumsum(weights[order] / weights[order].sum())
    chosen = set[int]()
    for nudge in (-ROUNDING, ROUNDING):
        ends = below[: 1 + np.searchsorted(below, sampler.top_p + nudge)] if sampler.top_p < 1 else below
        chosen.add(int(np.searchsorted(ends, uniform * ends[-1] + nudge, side="right")))
    return [int(token) for token in order[min(chosen) : max(chosen) + 1]]


def test_an_int8_file_generates_much_the_same_tokens_as_the_engine(
    tiny: Callable[..., TinyModel], family: str, text_ops: Path
) -> None:
    """Other kernels than the engine's: an activation may be rounded to its other neighbour."""
    served = Served(tiny(family, "dynamic"), text_ops, "litert")
    equal = 0
    for prompt in PROMPTS:
        found, ids = served.text.complete(prompt), served.engine(prompt)
        equal += max(n for n in range(TOKENS + 1) if found.startswith(served.shown(prompt, ids[:n])))
    assert equal > 0.5 * TOKENS * len(PROMPTS)


@pytest.mark.parametrize("place", [0, 1, 10])
def test_a_token_that_ends_the_text_ends_it_and_is_not_shown(
    tiny_model: TinyModel, text_ops: Path, tmp_path: Path, place: int
) -> None:
    whole = Served(tiny_model, text_ops, "litert")
    ids = whole.engine(PROMPTS[0])
    end = ids[place]
    assert ids.index(end) == place
    checkpoint = replace(tiny_model.checkpoint, end_ids=(0, end))
    short = Served(build_tiny(tmp_path, checkpoint, text_ops), text_ops, "litert")
    assert short.text.complete(PROMPTS[0]) == whole.shown(PROMPTS[0], ids[:place])


def test_bytes_that_are_no_text_come_back_as_they_are(tiny_model: TinyModel, text_ops: Path) -> None:
    interpreter = InterpreterWithCustomOps(
        model_path=str(tiny_model.path), custom_op_registerers=text_op_registerers(text_ops)
    )
    prompt = b"a\xff\0b\xe2\x82"
    runner = interpreter.get_signature_runner("serving_default")
    (found,) = runner(prompt=np.array([prompt], dtype=object))["output_0"]
    assert found.startswith(prompt)
    assert len(found) > len(prompt)


def test_a_prompt_is_bounded_by_the_join_and_the_next_call_works(served: Served) -> None:
    longest = 127 * 128 - 1 - TOKENS
    assert len(served.text.complete("a" * longest)) > longest
    with pytest.raises(RuntimeError):
        served.text.complete("a" * (longest + TOKENS + 1))
    assert served.text.complete("x").startswith("x")


def test_the_signature_takes_and_gives_one_string(served: Served) -> None:
    text = TensorSpec(shape=(1,), dtype="string")
    signature = SignatureSpec(inputs={"prompt": text}, outputs={"output_0": text})
    assert served.text.signatures()["serving_default"] == signature
    assert served.model.manifest.signatures["serving_default"] == signature


def test_a_window_of_another_length_is_what_is_kept(
    smollm2_vocabulary: Any, text_ops: Path, tmp_path: Path
) -> None:
    checkpoint = tiny_checkpoint("llama", smollm2_vocabulary)
    model = build_tiny(tmp_path, checkpoint, text_ops, serving_window=8, serving_tokens=120)
    served = Served(model, text_ops, "litert")
    ids = served.text.tokenize(PROMPTS[-2])[-8:]
    expected = Reference(checkpoint).greedy(ids, 120, checkpoint.end_ids)
    found = served.text.complete(PROMPTS[-2])
    assert found == served.shown(PROMPTS[-2], expected)
