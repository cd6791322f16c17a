"""One description of a decoder-only transformer that covers the GPT-2, Llama and Qwen2 families."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models.checkpoint.vocabulary import Vocabulary
from models.tflite.graph import Array


@dataclass(frozen=True, slots=True)
class Architecture:
    """What varies between the families; every count is per model or per layer as named.

    Attributes:
        norm: `rms` (Zhang and Sennrich, 2019) or `layer` (with bias).
        positions: `rope` (Su et al., 2021, halves rotated) or `learned` (a table added to the embedding).
        rope_base: Base of the rotary frequencies; 0 with learned positions.
        mlp: `swiglu` (gate, up, down) or `gelu` (up, down; tanh form).
    """

    family: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_size: int
    hidden: int
    vocabulary: int
    context_length: int
    norm: Literal["rms", "layer"]
    norm_epsilon: float
    positions: Literal["rope", "learned"]
    rope_base: float
    mlp: Literal["swiglu", "gelu"]

    @property
    def group(self) -> int:
        """Query heads that share one key and value head (Ainslie et al., 2023)."""
        return self.heads // self.kv_heads


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model: what a source delivers and the builder consumes.

    Attributes:
        weights: float32 by name; matrices are [out, in]. `embedding` [V, D], `head` [V, D] where it is not
            tied, `positions` [context, D], `final_norm` [D]; with `N.` for layer N: `norm1`, `q`, `k`, `v`,
            `o`, `norm2`, `gate`, `up`, `down`; a bias of any of them has `.bias` appended. A norm that is
            not there has no gain. Only `models/quantization/rotation.py` makes `mean` [D], a direction taken
            out of embedded tokens, `head_mix` [D, D], a product before the head's, and `down_mix`
            [block, block], one with each block of the input of `down`.
        end_ids: Tokens that end a text.
        chat_template: Jinja source, where the checkpoint has one.
        special_tokens: Ids by text.
        start_id: Token that stands before every prompt; None for nothing.
    """

    name: str
    source: str
    licence: str
    architecture: Architecture
    weights: Mapping[str, Array]
    vocabulary: Vocabulary
    end_ids: tuple[int, ...]
    chat_template: str | None
    special_tokens: Mapping[str, int]
    start_id: int | None = None

    @property
    def parameters(self) -> int:
        """Number of stored parameters; tied weights count once."""
        return sum(weight.size for weight in self.weights.values())
