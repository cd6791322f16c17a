from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.numpy_decoder import Reference
from models.tflite.graph import Array
from tests.tiny import TOY_VOCABULARY, random_weights, tiny_checkpoint

TEXT = np.random.Generator(np.random.PCG64(1)).integers(1, 260, 40).tolist()


@pytest.fixture(params=["llama", "gpt2"])
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return tiny_checkpoint(request.param, TOY_VOCABULARY)


class Plain:
    """The papers' formulas in double precision, one token, head and position at a time."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.arch = checkpoint.architecture
        self.weights = {name: weight.astype(float) for name, weight in checkpoint.weights.items()}
        self.pasts: list[list[tuple[Array, Array]]] = [[] for _ in range(self.arch.layers)]

    def logits(self, tokens: list[int]) -> Array:
        return np.stack([self.step(token, position) for position, token in enumerate(tokens)])

    def step(self, token: int, position: int) -> Array:
        x: Array = self.weights["embedding"][token]
        if "positions" in self.weights:
            x = x + self.weights["positions"][position]
        for n, past in enumerate(self.pasts):
            y = self.norm(x, f"{n}.norm1")
            q, k, v = (self.heads(self.linear(y, f"{n}.{part}")) for part in "qkv")
            if self.arch.attention[n].rotary:
                q, k = ([self.rotate(head, position) for head in heads] for heads in (q, k))
            past.append((np.array(k), np.array(v)))
            x = x + self.linear(np.concatenate(self.attend(q, past)), f"{n}.o")
            x = x + self.mlp(self.norm(x, f"{n}.norm2"), n)
        head = "head" if "head" in self.weights else "embedding"
        return self.linear(self.norm(x, "final_norm"), head)

    def heads(self, x: Array) -> list[Array]:
        return list(x.reshape(-1, self.arch.head_size))

    def attend(self, q: list[Array], past: list[tuple[Array, Array]]) -> list[Array]:
        found = []
        for h, query in enumerate(q):
            own = h // (self.arch.heads // self.arch.kv_heads)
            scores = np.array([query @ k[own] / np.sqrt(self.arch.head_size) for k, _ in past])
            shares = np.exp(scores) / np.exp(scores).sum()
            found.append(sum(share * v[own] for share, (_, v) in zip(shares, past, strict=True)))
        return found

    def rotate(self, head: Array, position: int) -> Array:
        """Halves as real and imaginary parts, turned by the position's angles."""
        half = len(head) // 2
        numbers = head[:half] + 1j * head[half:]
        turned = numbers * np.exp(1j * position * 10_000.0 ** (-np.arange(half) / half))
        return np.concatenate([turned.real, turned.imag])

    def linear(self, x: Array, name: str) -> Array:
        product: Array = self.weights[name] @ x
        return product + self.weights.get(f"{name}.bias", 0.0)

    def norm(self, x: Array, name: str) -> Array:
        gain, epsilon = self.weights[name], self.arch.norm_epsilon
        if self.arch.norm == "rms":
            scaled: Array = x / np.sqrt(np.mean(x**2) + epsilon) * gain
        else:
            scaled = (x - x.mean()) / np.sqrt(x.var() + epsilon) * gain + self.weights[f"{name}.bias"]
        return scaled

    def mlp(self, x: Array, n: int) -> Array:
        up = self.linear(x, f"{n}.up")
        if self.arch.gated:
            gate = self.linear(x, f"{n}.gate")
            return self.linear(gate / (1 + np.exp(-gate)) * up, f"{n}.down")
        inner = np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3))
        return self.linear(0.5 * up * (1 + inner), f"{n}.down")


def test_logits_are_those_of_the_plain_formulas(checkpoint: Checkpoint) -> None:
    found = Reference(checkpoint).extend(TEXT)
    assert found.dtype == np.float32
    assert np.abs(found - Plain(checkpoint).logits(TEXT)).max() < 1e-4


def test_a_head_that_is_not_the_embedding_makes_the_logits(checkpoint: Checkpoint) -> None:
    head = random_weights(checkpoint.architecture, seed=9)["embedding"]
    untied = replace(checkpoint, weights={**checkpoint.weights, "head": head})
    assert np.abs(Reference(untied).extend(TEXT) - Plain(untied).logits(TEXT)).max() < 1e-4


def test_a_later_token_changes_nothing_before_it(checkpoint: Checkpoint) -> None:
    changed = [*TEXT[:20], TEXT[20] + 1, *TEXT[21:]]
    before, after = Reference(checkpoint).extend(TEXT), Reference(checkpoint).extend(changed)
    assert np.array_equal(before[:20], after[:20])
    assert (before[20:] != after[20:]).any(axis=1).all()


@pytest.mark.parametrize("chunks", [[1] * 40, [39, 1], [7, 20, 13]])
def test_a_sequence_in_parts_gives_the_logits_of_the_whole(checkpoint: Checkpoint, chunks: list[int]) -> None:
    reference, found, at = Reference(checkpoint), [], 0
    for count in chunks:
        found.append(reference.extend(TEXT[at : at + count]))
        at += count
    assert np.abs(np.concatenate(found) - Reference(checkpoint).extend(TEXT)).max() < 1e-4


def test_after_a_reset_nothing_is_remembered(checkpoint: Checkpoint) -> None:
    reference = Reference(checkpoint)
    first = reference.extend(TEXT)
    reference.reset()
    assert np.array_equal(reference.extend(TEXT), first)


def test_greedy_text_is_the_likeliest_token_after_the_other(checkpoint: Checkpoint) -> None:
    reference, text = Reference(checkpoint), list(TEXT)
    for _ in range(8):
        text.append(int(Plain(checkpoint).logits(text)[-1].argmax()))
    expected = text[len(TEXT) :]
    assert reference.greedy(TEXT, 8, ()) == expected
    assert reference.greedy(TEXT, 8, ()) == expected  # nothing is left from the call before


def test_greedy_text_ends_before_a_token_that_ends_it(checkpoint: Checkpoint) -> None:
    reference = Reference(checkpoint)
    tokens = reference.greedy(TEXT, 12, ())
    assert reference.greedy(TEXT, 12, tokens[-1:]) == tokens[: tokens.index(tokens[-1])]
    assert reference.greedy(TEXT, 12, tokens[:1]) == []
