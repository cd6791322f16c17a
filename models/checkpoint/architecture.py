"""One description of a decoder-only transformer: small fields that vary independently of each other.

A field says what is computed, not which family asks for it. What a family only writes in another way is
undone when the checkpoint is read: gains of 1 + w, constant factors, interleaved or partly rotated heads,
fused matrices (models/sources/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal

import numpy as np

from app.model.manifest import InfillRole
from models.checkpoint.vocabulary import Vocabulary
from models.checkpoint.weights import shape_of
from models.tflite.graph import Array

Activation = Literal["silu", "gelu", "gelu_tanh", "relu", "relu_squared", "xielu"]
Strip = Literal["left", "right", "both"]
Advice = Literal["temperature", "top_k", "top_p", "min_p", "repetition_penalty"]


@dataclass(frozen=True, slots=True)
class Rotary:
    """Rotary positions (Su et al., 2021): the halves of a head are the parts of complex numbers.

    Attributes:
        frequencies: Radians a position, one for each half dimension; 0 for dimensions that do not turn.
            Scaling (linear, Llama 3's, YaRN) is in them already.
        amplitude: Factor of the dimensions that turn (YaRN, Peng et al., 2024).
    """

    frequencies: tuple[float, ...]
    amplitude: float = 1.0

    def table(self, positions: Array) -> tuple[Array, Array]:
        """Cosines and sines [positions, HD / 2] of positions [n]."""
        angle, turning = np.outer(positions, self.frequencies), np.array(self.frequencies)
        amplitude = np.where(turning, self.amplitude, 1.0)
        return np.cos(angle) * amplitude, np.sin(angle) * amplitude


@dataclass(frozen=True, slots=True)
class Attention:
    """What may differ from layer to layer.

    Attributes:
        rotary: None where queries and keys are not turned.
        window: Tokens that are seen, the own one included; 0 for all.
    """

    rotary: Rotary | None = None
    window: int = 0


@dataclass(frozen=True, slots=True)
class Architecture:
    """Sizes and choices of a model.

    Attributes:
        hidden: Width between the MLP's matrices.
        norm: `rms` (Zhang and Sennrich, 2019) or `layer`; its gain and bias are where the weights have them.
        attention: One entry a layer.
        scale: Factor of attention's scores.
        slopes: Of linear biases (ALiBi, Press et al., 2022), one a head; empty for none.
        score_cap, logit_cap: c in c * tanh(x / c) for attention's scores and for the logits; 0 for none.
        activation: `gelu` is the exact form, `gelu_tanh` GPT-2's; `xielu` (Huang and Schlag, 2024) is
            p * x^2 + b * x above 0 and n * (exp(x) - 1 - x) + b * x below.
        gated: Whether a product with `gate` goes through the activation and multiplies `up`.
        parallel: Whether attention and MLP read the same hidden state.
        pre_norm: Whether norms (`norm1`, `norm2`) stand before attention and MLP.
        post_norm: Whether norms (`post1`, `post2`) stand behind them, before the sum.
        head_norm: Norm of queries and keys: of each `head`, of the whole `row`, or none.
        head_norm_kind: As `norm`.
        head_norm_last: Whether it comes after the rotation.
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
    attention: tuple[Attention, ...]
    scale: float
    activation: Activation
    gated: bool
    slopes: tuple[float, ...] = ()
    score_cap: float = 0.0
    logit_cap: float = 0.0
    parallel: bool = False
    pre_norm: bool = True
    post_norm: bool = False
    head_norm: Literal["", "head", "row"] = ""
    head_norm_kind: Literal["rms", "layer"] = "rms"
    head_norm_last: bool = False

    @property
    def group(self) -> int:
        """Query heads that share one key and value head (Ainslie et al., 2023)."""
        return self.heads // self.kv_heads


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model: what a source delivers and the builder consumes.

    Attributes:
        weights: float32 by name; matrices are [out, in]. `embedding` [V, D], `head` [V, D] where it is not
            tied, `positions` [context, D] where they are learned, `embedding_norm` [D] where there is one,
            `final_norm` [D]; with `N.` for layer N: `norm1`, `q`, `k`, `v`, `q_norm`, `k_norm` ([HD], or all
            heads' one after another), `o`, `post1`, `norm2`, `gate`, `up`, `down`, `post2`, `curve` (the p, n
            and b of xIELU); a bias of any of them has `.bias` appended. A norm that is not there has no gain.
            Only `models/quantization/rotation.py` makes `mean` [D], a direction taken out of embedded tokens,
            `embedding_mix` and `head_mix` [D, D], products behind the embedding and before the head, and
            `down_mix` [block, block], one with each block of the input of `down`. They may be made each time
            they are asked for (models/checkpoint/weights.py).
        end_ids: Tokens that end a text.
        chat_template: Jinja source, where the checkpoint has one.
        special_tokens: Ids by text.
        start_id: Token that stands before every prompt; None for nothing.
        named_tokens: Texts of tokens by the chat template's names for them: `bos_token`, `eos_token`.
        token_strips: Special tokens that take the white space on a side of them away.
        infill_tokens: Ids of the tokens for filling in the middle of a text, by what they stand for.
        sampling: What the authors advise: `temperature`, `top_k`, `top_p`, `min_p`, `repetition_penalty`.
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
    named_tokens: Mapping[str, str] = field(default_factory=dict)
    token_strips: Mapping[str, Strip] = field(default_factory=dict)
    infill_tokens: Mapping[InfillRole, int] = field(default_factory=dict)
    sampling: Mapping[Advice, float] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Number of stored parameters; tied weights count once."""
        return sum(prod(shape_of(self.weights, name)) for name in self.weights)
