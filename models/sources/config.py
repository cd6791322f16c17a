"""From `config.json` to a description of the model; what it does not understand it refuses by its name."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from models.checkpoint.architecture import Activation, Architecture, Attention
from models.sources.family import Family, never
from models.sources.fields import Fields
from models.sources.inert_fields import inert
from models.sources.layout import Layout, head_order
from models.sources.rotary import Span, read_rotary

ACTIVATIONS: dict[str, Activation] = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "relu2": "relu_squared",
    "xielu": "xielu",
}


EPSILONS = ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps")
"""Names of the norms' epsilon."""


class Config:
    """`config.json` with what its family leaves unsaid."""

    def __init__(self, fields: Fields, family: Family) -> None:
        self.family = family
        given = {name: value for name, value in fields.values.items() if value is not None}
        said = {*fields.values, *(EPSILONS if given.keys() & set(EPSILONS) else ())}
        unsaid = {name: value for name, value in family.defaults.items() if name not in said}
        self.fields = replace(fields, values={**unsaid, **given})

    def describe(self) -> tuple[Architecture, Layout]:
        """What is computed, and how it is written.

        Raises:
            SourceError: A field is missing, wrong, or unknown.
        """
        f, family = self.fields, self.family
        self._refuse()
        heads, width = self._count("num_attention_heads", "n_head", "num_heads", "n_heads"), self._width()
        head_size = f.count("head_dim") if "head_dim" in f else self._head_size(width, heads)
        turned = self._turned(head_size)
        names = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")
        context = self._count(*names)
        linear = family.positions == "linear" or bool(f.get("alibi", False))
        attention, context = self._attention(Span(head_size, turned, context), linear)
        head_norm = family.head_norm if family.head_norm and family.has_head_norm(f) else ""
        arch = Architecture(
            family=f.text("model_type"),
            layers=self._layers(),
            width=width,
            heads=heads,
            kv_heads=self._kv_heads(heads),
            head_size=head_size,
            hidden=self._hidden(width),
            vocabulary=f.count("vocab_size"),
            context_length=context,
            norm=family.norm,
            norm_epsilon=self._epsilon(),
            attention=attention,
            scale=self._scale(head_size),
            slopes=self._slopes(heads, head_size) if linear else (),
            score_cap=f.number("attn_logit_softcapping", 0.0),
            logit_cap=f.number("final_logit_softcapping", 0.0),
            activation=self._activation(),
            gated=family.gated,
            parallel=family.parallel(f),
            pre_norm=family.pre_norm,
            post_norm=family.post_norm(f),
            head_norm=head_norm,
            head_norm_kind=family.head_norm_kind,
            head_norm_last=family.head_norm_last,
        )
        layout = self._layout(arch, turned)
        f.refuse_unread(inert(f.values))
        return arch, layout

    def _refuse(self) -> None:
        f = self.fields
        experts = [f.get(n, 0) for n in ("num_experts", "num_local_experts", "n_routed_experts")]
        f.refuse(
            {
                "mixture of experts": any(count not in (0, 1) for count in experts),
                "quantized weights": "quantization_config" in f or "quantization" in f,
                "cross attention": f.get("add_cross_attention", False),
                "attention scaled by the layer's number": f.get("scale_attn_by_inverse_layer_idx", False),
                "attention without scale": not f.get("scale_attn_weights", True),
                "clamped queries, keys and values": "clip_qkv" in f,
                "attention to later tokens": f.get("use_bidirectional_attention", False),
                "norms behind the sum": not f.get("do_layer_norm_before", True)
                or f.get("_remove_final_layer_norm", False)
                or f.get("apply_residual_connection_post_layernorm", False),
                "an embedding of another width": f.get("word_embed_proj_dim", self._width()) != self._width(),
                "an encoder": f.get("is_encoder_decoder", False),
            }
        )

    def _count(self, *names: str, default: int = 0) -> int:
        name = self.fields.named(*names)
        return self.fields.count(name, default) if default else self.fields.count(name)

    def _width(self) -> int:
        return self._count("hidden_size", "n_embd", "n_embed", "d_model")

    def _layers(self) -> int:
        return self._count("num_hidden_layers", "n_layer", "num_layers", "n_layers")

    def _head_size(self, width: int, heads: int) -> int:
        if width % heads:
            raise self.fields.error(f"the width {width} does not divide by {heads} heads")
        return width // heads

    def _kv_heads(self, heads: int) -> int:
        f = self.fields
        if f.get("multi_query", False) and not f.get("new_decoder_architecture", False):
            f.named("num_key_value_heads", "num_kv_heads")
            return 1
        if f.text("model_type") == "falcon" and not f.get("new_decoder_architecture", False):
            f.named("num_kv_heads")
            return heads
        return self._count("num_key_value_heads", "num_kv_heads", default=heads)

    def _hidden(self, width: int) -> int:
        f = self.fields
        if "shared_intermediate_size" in f:
            f.named("intermediate_size")
            return f.count("shared_intermediate_size")
        ratio = int(f.number("expansion_ratio", 4))
        names = ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size")
        return self._count(*names, default=ratio * width)

    def _epsilon(self) -> float:
        return self.fields.number(self.fields.named(*EPSILONS))

    def _activation(self) -> Activation:
        f = self.fields
        names = "hidden_activation", "hidden_act", "activation_function", "activation"
        name = f.text(f.named(*names), "silu")
        name = self.family.activations.get(name, name)
        f.refuse({f"the activation {name}": name not in ACTIVATIONS})
        return ACTIVATIONS[name]

    def _attention_config(self) -> Fields:
        """MPT's object of its own; elsewhere the configuration itself."""
        if "attn_config" not in self.fields:
            return self.fields
        found = Fields(self.fields.path, self.fields.object("attn_config"))
        found.refuse(
            {
                "attention without linear biases": not found.get("alibi", False),
                "clamped queries, keys and values": "clip_qkv" in found,
                "norms of queries and keys": found.get("qk_ln", False),
                "attention to later tokens": found.get("prefix_lm", False),
            }
        )
        return found

    def _scale(self, head_size: int) -> float:
        f = self.fields
        if "query_pre_attn_scalar" in f:
            return float(f.number("query_pre_attn_scalar") ** -0.5)
        if f.text("model_type") == "gpt_neo":
            return 1.0
        named = self._attention_config().number("softmax_scale", 0.0)
        return f.number("attention_multiplier", named or head_size**-0.5)

    def _slopes(self, heads: int, head_size: int) -> tuple[float, ...]:
        """Of linear biases; Falcon scales them like the scores."""
        factor = self._scale(head_size) if self.fields.text("model_type") == "falcon" else 1.0
        return tuple(factor * slope for slope in _slopes(heads, self._attention_config()))

    def _turned(self, head_size: int) -> int:
        f = self.fields
        share = f.named("partial_rotary_factor", "rotary_pct")
        if "rotary_dim" in f:
            return f.count("rotary_dim")
        parameters = _parameters(f)
        inner = parameters.get("partial_rotary_factor", 1.0)
        return int(head_size * (inner if "partial_rotary_factor" in parameters else f.number(share, inner)))

    def _attention(self, span: Span, linear: bool) -> tuple[tuple[Attention, ...], int]:
        """Of each layer, and the positions that the rotations hold for."""
        f, family, context = self.fields, self.family, span.context
        found = []
        for n in range(self._layers()):
            window = self._window(n)
            rotary = None
            if family.positions == "rope" and not linear and not family.straight(f, n, window):
                rotary, limit = read_rotary(*self._rope(n, window), span)
                rotary = replace(rotary, frequencies=tuple(family.direction * w for w in rotary.frequencies))
                context = min(context, limit)
            found.append(Attention(rotary, window))
        return tuple(found), context

    def _window(self, n: int) -> int:
        """Tokens that layer n sees; 0 for all."""
        f = self.fields
        types = f.get(f.named("layer_types", "layers_block_type"), None)
        window = int(f.number(f.named("sliding_window", "window_size"), 0))
        if not f.get("use_sliding_window", True):
            window = 0
        f.refuse({"sliding window attention": window > 0 and types is None and self.family.sliding is never})
        if types is None:
            return window if window and self.family.sliding(f, n) else 0
        kind = types[n] if isinstance(types, list) and n < len(types) else types
        if kind not in ("full_attention", "attention", "sliding_attention"):
            raise f.error(f"layer {n} is of the kind {kind}, which is not supported")
        return window if kind == "sliding_attention" else 0

    def _rope(self, n: int, window: int) -> tuple[Fields, float]:
        """What describes layer n's rotation, and its base."""
        f = self.fields
        default = f.number(f.named("rope_theta", "rotary_emb_base"), 10_000.0)
        local = f.number("rope_local_base_freq", default)
        parameters = _parameters(f)
        nested = "sliding_attention" if window or self._is_sliding(n) else "full_attention"
        if isinstance(parameters.get(nested, None), dict):
            parameters = Fields(f.path, parameters.object(nested))
            parameters.refuse({"partial rotation by kind of layer": "partial_rotary_factor" in parameters})
        elif nested == "sliding_attention" and self.family.plain_where_sliding:
            parameters, default = Fields(f.path, {}), local
        parameters.named("partial_rotary_factor")
        base = parameters.number("rope_theta", default)
        if "original_max_position_embeddings" in f:
            original = f.get("original_max_position_embeddings")
            values = {"original_max_position_embeddings": original, **parameters.values}
            parameters = Fields(f.path, values, parameters.asked)
        return parameters, base

    def _is_sliding(self, n: int) -> bool:
        """Whether layer n is of the kind with a window, even where none is set."""
        types = self.fields.get("layer_types", None)
        return types[n] == "sliding_attention" if types else self.family.sliding(self.fields, n)

    def _layout(self, arch: Architecture, turned: int) -> Layout:
        f, family = self.fields, self.family
        scaling = f.number("logits_scaling", 1.0)
        logits = scaling if arch.family == "hyperclovax" else 1 / scaling
        rotated = any(each.rotary for each in arch.attention)
        return Layout(
            gain=family.gain,
            fused=self._fused(),
            transposed=family.transposed,
            head_order=head_order(arch.head_size, turned, interleaved=family.interleaved) if rotated else (),
            embedding=arch.width**0.5 if family.root else f.number("embedding_multiplier", 1.0),
            residual=f.number("residual_multiplier", 1.0),
            logits=logits * f.number("logit_scale", 1.0),
            first_position=family.first_position,
            tied=bool(f.get("tie_word_embeddings", False)),
        )

    def _fused(self) -> Any:
        bigcode = self.fields.text("model_type") == "gpt_bigcode"
        return "by group" if bigcode and not self.fields.get("multi_query", True) else self.family.fused


def _parameters(fields: Fields) -> Fields:
    """The object that describes rotations; an empty one where there is none."""
    for name in ("rope_scaling", "rope_parameters"):
        if name in fields:
            return Fields(fields.path, fields.object(name))
    return Fields(fields.path, {})


def _slopes(heads: int, fields: Fields) -> tuple[float, ...]:
    """Of linear biases: 2^(-8 / n), 2^(-16 / n) … for the next power of two n; of too many every second.

    Sources:
        Press et al., 2022; BLOOM begins with those of the power of two below, MPT takes the odd ones first.
    """
    most = fields.number("alibi_bias_max", 8.0)

    def series(count: int) -> list[float]:
        return [float(s) for s in 2.0 ** (-most * np.arange(1, count + 1) / count)]

    below = 2 ** int(math.log2(heads))
    if below == heads:
        return tuple(series(heads))
    above = series(2 * below)
    if "alibi_bias_max" in fields:
        return (*above[1::2], *above[::2])[:heads]
    return (*series(below), *above[::2][: heads - below])
