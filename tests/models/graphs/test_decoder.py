"""The decoder's three signatures on the plain interpreter, for every feature of the two families."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from app.engine.runtimes.interface import decode_mask, extend_inputs, prefill_inputs
from app.model.shape import ModelShape
from models.checkpoint.architecture import Architecture, Attention, Checkpoint, Rotary
from models.checkpoint.numpy_decoder import Reference
from models.graphs.decoder import Decoder
from models.graphs.layers import Layers
from models.options import SCHEMES, Quantization
from models.quantization.constants import Parameters, scale_queries
from models.quantization.rounding import Scheme
from models.tflite.graph import Array, Model
from tests.tiny import GPT2, LLAMA, TOY_VOCABULARY, TURNED, random_weights, stored, tiny_checkpoint

pytestmark = pytest.mark.slow

Past = tuple[Array, Array]
"""Keys and values [L, P, KV, HD]."""

TEXT = np.random.Generator(np.random.PCG64(1)).integers(1, 260, 40).tolist()
LENGTH = 128

SLOW = Attention(Rotary(tuple(1e-3 * n for n in range(8)), amplitude=1.25))
VARIANTS: dict[str, Architecture] = {
    "llama": LLAMA,
    "gpt2": GPT2,
    "one head for all": replace(LLAMA, kv_heads=1),
    "a head for each": replace(LLAMA, kv_heads=4),
    "heads wider than the model": replace(
        LLAMA, heads=3, kv_heads=3, head_size=32, attention=(Attention(),) * 2
    ),
    "another rotation in each layer": replace(LLAMA, attention=(TURNED, SLOW), norm_epsilon=1e-6),
    "no rotation in one layer": replace(LLAMA, attention=(TURNED, Attention())),
    "biases with rotary positions": replace(GPT2, attention=(TURNED,) * 2, kv_heads=2),
    "one layer": replace(LLAMA, layers=1, attention=(TURNED,)),
    "a window in one layer": replace(LLAMA, attention=(replace(TURNED, window=7), TURNED)),
    "two windows": replace(LLAMA, attention=(replace(TURNED, window=7), replace(TURNED, window=19))),
    "linear biases": replace(GPT2, slopes=(0.5, 0.25, 0.125, 0.0625)),
    "linear biases over groups": replace(
        LLAMA, attention=(Attention(),) * 2, slopes=(0.5, 0.25, 0.125, 0.0625)
    ),
    "capped scores and logits": replace(LLAMA, score_cap=5.0, logit_cap=3.0),
    "a scale of its own": replace(LLAMA, scale=0.11),
    "parallel": replace(GPT2, parallel=True),
    "norms behind": replace(LLAMA, pre_norm=False, post_norm=True),
    "four norms a layer": replace(LLAMA, post_norm=True),
    "norms of heads": replace(LLAMA, head_norm="head"),
    "norms of rows": replace(LLAMA, head_norm="row"),
    "norms of heads behind the rotation": replace(
        LLAMA, head_norm="head", head_norm_kind="layer", head_norm_last=True
    ),
    "exact gelu": replace(GPT2, activation="gelu"),
    "relu": replace(GPT2, activation="relu"),
    "relu squared": replace(GPT2, activation="relu_squared"),
    "gated gelu": replace(LLAMA, activation="gelu_tanh"),
}


def checkpoint_of(arch: Architecture, *, tied: bool = True) -> Checkpoint:
    arch = replace(arch, vocabulary=len(TOY_VOCABULARY.tokens))
    weights = random_weights(arch, seed=1)
    if not tied:
        weights["head"] = random_weights(arch, seed=2)["embedding"]
    return replace(tiny_checkpoint("llama", TOY_VOCABULARY), architecture=arch, weights=weights)


class Calls:
    """A decoder alone in a file."""

    def __init__(self, checkpoint: Checkpoint, scheme: Scheme) -> None:
        arch = checkpoint.architecture
        self.shape = ModelShape(
            arch.layers, arch.kv_heads, arch.group, arch.head_size, arch.vocabulary, LENGTH
        )
        model = Model("decoder")
        parameters = Parameters(scale_queries(checkpoint.weights, arch), scheme)
        decoder = Decoder(model, Layers(arch, parameters, LENGTH))
        decoder.write_decode()
        decoder.write_start()
        decoder.write_prefill()
        decoder.write_extend()
        interpreter = Interpreter(model_content=bytes(model.pack()))
        self.runners = {
            name: interpreter.get_signature_runner(name) for name in ("decode", "start", "prefill", "extend")
        }

    def prefill(self, tokens: Sequence[int], past: Past | None = None) -> dict[str, Array]:
        """Outputs for tokens after a past, or for the first ones."""
        start = past[0].shape[1] if past else 0
        given = prefill_inputs(self.shape, start, np.array(tokens, np.int32), range(len(tokens)))
        found: dict[str, Array] = self.runners["prefill" if past else "start"](
            tokens=given.tokens,
            positions=given.positions,
            rows=given.rows,
            mask=given.mask,
            zeros=given.zeros,
            **(caches(*past) if past else {}),
        )
        return found

    def new(self, found: dict[str, Array]) -> Past:
        """What a call has computed for a prompt."""
        layers = range(self.shape.layers)
        keys, values = (np.stack([found[f"new_{part}_{n}"] for n in layers]) for part in ("key", "value"))
        return keys, values

    def decode(self, token: int, past: Past) -> dict[str, Array]:
        position = past[0].shape[1]
        mask = np.zeros((1, 1, 1, LENGTH), np.float32)
        decode_mask(mask, [position])
        found: dict[str, Array] = self.runners["decode"](
            tokens=np.array([token], np.int32),
            positions=np.array([position], np.int32),
            mask=mask,
            **caches(*(padded(part)[:, None] for part in past)),
        )
        return found

    def extend(self, tokens: Sequence[int], past: Past) -> dict[str, Array]:
        inputs = extend_inputs(self.shape, past[0].shape[1], len(tokens), LENGTH)
        found: dict[str, Array] = self.runners["extend"](
            tokens=np.array(tokens, np.int32),
            positions=inputs.positions,
            place=inputs.place,
            mask=inputs.mask,
            **caches(*map(padded, past)),
        )
        return found


def caches(keys: Array, values: Array) -> dict[str, Any]:
    layers = range(len(keys))
    return {f"key_{n}": keys[n] for n in layers} | {f"value_{n}": values[n] for n in layers}


def padded(part: Array) -> Array:
    """[L, P, KV, HD] as the decode cache has it: [L, KV, S, HD]."""
    room = [(0, 0), (0, 0), (0, LENGTH - part.shape[1]), (0, 0)]
    cache: Array = np.pad(part.transpose(0, 2, 1, 3), room)
    return cache


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("name", VARIANTS)
def test_all_signatures_give_the_logits_of_the_reference(name: str, tied: bool) -> None:
    checkpoint = checkpoint_of(VARIANTS[name], tied=tied)
    calls = Calls(checkpoint, Scheme("float32", "float32"))
    expected = Reference(checkpoint).extend(TEXT)

    def is_right(found: Array, start: int) -> bool:
        wanted = expected[start : start + len(found)]
        return found.shape == wanted.shape and np.abs(found - wanted).max() < 1e-4

    first = calls.prefill(TEXT[:20])
    past = calls.new(first)
    assert is_right(first["logits"], 0)
    assert is_right(calls.prefill(TEXT[20:], past)["logits"], 20)
    assert is_right(calls.decode(TEXT[20], past)["logits"], 20)
    assert is_right(calls.extend(TEXT[20:28], past)["logits"], 20)


@pytest.mark.parametrize("quantization", ["float16", "dynamic"])
@pytest.mark.parametrize("arch", [LLAMA, GPT2], ids=["llama", "gpt2"])
def test_smaller_formats_stay_near_the_reference_on_their_own_weights(
    arch: Architecture, quantization: Quantization
) -> None:
    checkpoint, scheme = checkpoint_of(arch), SCHEMES[quantization, "litert"]
    weights = {
        name: weight if weight.ndim == 1 or name == "positions" else stored(weight, scheme)
        for name, weight in checkpoint.weights.items()
    }
    expected = Reference(replace(checkpoint, weights=weights)).extend(TEXT)
    found = Calls(checkpoint, scheme).prefill(TEXT)["logits"]
    error = np.sqrt(((found - expected) ** 2).mean() / (expected**2).mean())
    assert error < (0.01 if quantization == "float16" else 0.1)


def test_a_key_and_a_value_leave_the_call_for_every_layer_token_and_head() -> None:
    calls = Calls(checkpoint_of(LLAMA), Scheme("float32", "float32"))
    found = calls.prefill(TEXT[:5])
    past = calls.new(found)
    assert [part.shape for part in past] == [(2, 5, 2, 16)] * 2
    assert [part.shape for part in calls.new(calls.decode(7, past))] == [(2, 1, 2, 16)] * 2
    assert [part.shape for part in calls.new(calls.extend([7, 8, 9], past))] == [(2, 3, 2, 16)] * 2


@pytest.mark.parametrize(
    ("signature", "parts"), [("decode", 1), ("start", 2), ("prefill", 2), ("extend", 2)]
)  # the second: what is behind the choice of rows, or before the embedding
@pytest.mark.parametrize("arch", [LLAMA, GPT2], ids=["llama", "gpt2"])
def test_xnnpack_takes_every_layer_in_one_piece(arch: Architecture, signature: str, parts: int) -> None:
    checkpoint = checkpoint_of(arch)
    model = Model("decoder")
    parameters = Parameters(scale_queries(checkpoint.weights, arch), SCHEMES["dynamic", "litert"])
    decoder = Decoder(model, Layers(checkpoint.architecture, parameters, LENGTH))
    getattr(decoder, f"write_{signature}")()
    interpreter = Interpreter(model_content=bytes(model.pack()))
    interpreter.allocate_tensors()
    operators = [operator["op_name"] for operator in interpreter._get_ops_details()]
    assert operators.count("DELEGATE") == parts
