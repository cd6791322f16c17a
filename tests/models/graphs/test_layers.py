"""A layer's parts on the interpreters, beside the NumPy reference of the same checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.numpy_decoder import Reference
from models.graphs.layers import Layers
from models.quantization.constants import Parameters, scale_queries
from models.quantization.rotation import rotate
from models.quantization.rounding import Scheme
from models.tflite import ops
from models.tflite.graph import Array, Model, Tensor
from tests.tiny import ARCHITECTURES, TOY_VOCABULARY, Family, tiny_checkpoint

Compile = Callable[..., Callable[..., Array]]

TOKENS, POSITIONS = np.array([5, 250, 5], np.int32), np.array([0, 7, 100], np.int32)
FLOAT = Scheme("float32", "float32")


@pytest.fixture(params=ARCHITECTURES)
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    family: Family = request.param
    return tiny_checkpoint(family, TOY_VOCABULARY)


@pytest.fixture
def hidden(checkpoint: Checkpoint) -> Array:
    rng = np.random.Generator(np.random.PCG64(5))
    return rng.standard_normal((3, checkpoint.architecture.width), np.float32)


def layers(checkpoint: Checkpoint) -> Layers:
    arch = checkpoint.architecture
    return Layers(arch, Parameters(scale_queries(checkpoint.weights, arch), FLOAT), sequence_length=128)


def close(found: Array, expected: Array) -> bool:
    return found.shape == expected.shape and bool(np.allclose(found, expected, rtol=1e-4, atol=1e-4))


@pytest.mark.parametrize("rotated", [False, True])
def test_an_embedding_is_the_references(compiled: Compile, checkpoint: Checkpoint, rotated: bool) -> None:
    checkpoint = rotate(checkpoint) if rotated else checkpoint
    written = layers(checkpoint)
    found = compiled(lambda t, p: written.embed(t.graph, t, p), TOKENS, POSITIONS)(TOKENS, POSITIONS)
    assert close(found, Reference(checkpoint).embed(TOKENS.tolist(), POSITIONS))


def test_the_last_norm_and_the_logits_are_the_references(
    compiled: Compile, checkpoint: Checkpoint, hidden: Array
) -> None:
    for each in (checkpoint, rotate(checkpoint)):
        written = layers(each)
        found = compiled(lambda x, w=written, c=each: w.head(x.graph, shaped(x, c)), hidden)(hidden)
        assert close(found, Reference(each).head(hidden))


def shaped(x: Tensor, checkpoint: Checkpoint) -> Tensor:
    return ops.reshape(x, [-1, checkpoint.architecture.width])


@pytest.mark.parametrize("rotated", [False, True])
def test_a_layer_around_attention_is_the_references(
    compiled: Compile, checkpoint: Checkpoint, hidden: Array, rotated: bool
) -> None:
    """One token sees itself alone: attention gives its own values, and the whole layer can be compared."""
    checkpoint = rotate(checkpoint) if rotated else checkpoint
    arch, written = checkpoint.architecture, layers(checkpoint)
    x, at = hidden[:1], np.array([0], np.int32)

    def write(x: Tensor, positions: Tensor) -> Tensor:
        g, x, positions = x.graph, ops.reshape(x, [1, arch.width]), ops.reshape(positions, [1])
        _, _, v = written.project(g, 1, x, written.turns(g, positions))
        every = ops.concat([v] * arch.group, -1)  # [1, KV, G * HD]
        return written.after_attention(g, 1, x, ops.reshape(every, [1, arch.heads * arch.head_size]))

    assert close(compiled(write, x, at)(x, at), Reference(checkpoint).layer(1, x, at))


def test_scores_depend_on_the_distance_of_rotated_tokens(compiled: Compile) -> None:
    checkpoint = tiny_checkpoint("llama", TOY_VOCABULARY)
    arch, written = checkpoint.architecture, layers(checkpoint)
    x = np.random.Generator(np.random.PCG64(6)).standard_normal((2, arch.width), np.float32)

    def write(x: Tensor, positions: Tensor) -> Tensor:
        x, positions = ops.reshape(x, [2, arch.width]), ops.reshape(positions, [2])
        q, k, _ = written.project(x.graph, 0, x, written.turns(x.graph, positions))
        query, key = ops.slice_(q, [1, 0, 0], [1, 1, -1]), ops.slice_(k, [0, 0, 0], [1, 1, -1])
        return ops.total(query * key)

    near, far = np.array([3, 10], np.int32), np.array([103, 110], np.int32)
    run = compiled(write, x, near)
    assert np.allclose(run(x, near), run(x, far), atol=1e-3)
    assert not np.allclose(run(x, near), run(x, np.array([3, 11], np.int32)), atol=1e-3)


def test_learned_positions_have_no_rotation() -> None:
    checkpoint = tiny_checkpoint("gpt2", TOY_VOCABULARY)
    graph = Model("test").subgraph("f")
    assert layers(checkpoint).turns(graph, graph.input("positions", [3], "int32")) == {}


def test_projections_have_a_head_each() -> None:
    checkpoint = tiny_checkpoint("llama", TOY_VOCABULARY)
    arch = replace(checkpoint.architecture, kv_heads=2)
    graph = Model("test").subgraph("f")
    written = layers(checkpoint)
    x, positions = graph.input("x", [5, arch.width]), graph.input("positions", [5], "int32")
    q, k, v = written.project(graph, 0, x, written.turns(graph, positions))
    assert (q.shape, k.shape, v.shape) == ((5, 4, 16), (5, 2, 16), (5, 2, 16))
