"""From a GGUF file's metadata to a description, by way of Hugging Face's names for the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.checkpoint.architecture import Architecture, Attention
from models.errors import SourceError
from models.sources.config import Config
from models.sources.families import FAMILIES
from models.sources.family import Family
from models.sources.fields import Fields
from models.sources.layout import Layout, head_order
from models.tflite.graph import Array


@dataclass(frozen=True, slots=True)
class Kind:
    """What `general.architecture` stands for.

    Attributes:
        model_type: The family, by its name in Hugging Face's configurations.
        interleaved: Whether llama.cpp turns rows 2i and 2i + 1 of a head together.
    """

    model_type: str
    interleaved: bool = False


KINDS = {
    "llama": Kind("llama", interleaved=True),
    "mistral3": Kind("ministral3", interleaved=True),
    "internlm2": Kind("llama", interleaved=True),
    "qwen2": Kind("qwen2"),
    "qwen3": Kind("qwen3"),
    "gemma": Kind("gemma"),
    "gemma2": Kind("gemma2"),
    "gemma3": Kind("gemma3_text"),
    "phi2": Kind("phi"),
    "phi3": Kind("phi3"),
    "smollm3": Kind("smollm3", interleaved=True),
    "granite": Kind("granite", interleaved=True),
    "granitehybrid": Kind("granitemoehybrid", interleaved=True),
    "olmo": Kind("olmo", interleaved=True),
    "olmo2": Kind("olmo2"),
    "starcoder2": Kind("starcoder2"),
    "starcoder": Kind("gpt_bigcode"),
    "stablelm": Kind("stablelm"),
    "command-r": Kind("cohere", interleaved=True),
    "cohere2": Kind("cohere2", interleaved=True),
    "exaone": Kind("exaone"),
    "exaone4": Kind("exaone4"),
    "ernie4_5": Kind("ernie4_5", interleaved=True),
    "hunyuan-dense": Kind("hunyuan_v1_dense"),
    "seed_oss": Kind("seed_oss"),
    "arcee": Kind("arcee", interleaved=True),
    "apertus": Kind("apertus"),
    "nemotron": Kind("nemotron"),
    "jais2": Kind("jais2"),
    "chatglm": Kind("glm", interleaved=True),
    "glm4": Kind("glm4", interleaved=True),
    "gptneox": Kind("gpt_neox"),
    "gpt2": Kind("gpt2"),
    "bloom": Kind("bloom"),
    "mpt": Kind("mpt"),
    "falcon": Kind("falcon"),
}
"""By `general.architecture`."""

NAMES = {
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.sliding_window": "sliding_window",
    "attention.clamp_kqv": "clip_qkv",
    "attention.scale": "attention_multiplier",
    "attn_logit_softcapping": "attn_logit_softcapping",
    "final_logit_softcapping": "final_logit_softcapping",
    "rope.freq_base": "rope_theta",
    "rope.freq_base_swa": "rope_local_base_freq",
    "rope.dimension_count": "rotary_dim",
    "embedding_scale": "embedding_multiplier",
    "residual_scale": "residual_multiplier",
    "use_parallel_residual": "use_parallel_residual",
    "expert_count": "num_local_experts",
    "expert_shared_feed_forward_length": "shared_intermediate_size",
}
"""Keys behind the architecture's name, and the field that says the same."""

SCALING = {
    "rope.scaling.type": "rope_type",
    "rope.scaling.factor": "factor",
    "rope.scale_linear": "factor",
    "rope.scaling.original_context_length": "original_max_position_embeddings",
    "rope.scaling.alpha": "alpha",
    "rope.scaling.yarn_beta_fast": "beta_fast",
    "rope.scaling.yarn_beta_slow": "beta_slow",
    "attention.temperature_scale": "llama_4_scaling_beta",
}

QK_NORMS = {
    "cohere": ("use_qk_norm",),
    "hunyuan_v1_dense": ("use_qk_norm",),
    "phi": ("qk_layernorm",),
    "stablelm": ("qk_layernorm",),
}
"""Fields that say whether queries and keys are normed, where the tensors say it."""

INERT = (
    "vocab_size",
    "expert_used_count",
    "tensor_data_layout",
    "attention.value_length",
    "attention.causal",
    "rope.scaling.finetuned",
    "attention.key_length_swa",
    "attention.value_length_swa",
    "rope.dimension_count_swa",
)
"""Keys that are checked here or change nothing; those of `ssm` belong to tensors, which are refused."""


def describe(
    fields: Fields, tensors: Mapping[str, Any], factors: Mapping[str, Array]
) -> tuple[Architecture, Layout, Family]:
    """What the file computes, how it is written, and its family.

    Args:
        fields: The file's metadata.
        tensors: Of the file, by name.
        factors: `rope_freqs`, `rope_factors_short` where the file has them.

    Raises:
        SourceError: The architecture or one of its keys is not known.
    """
    name = fields.text("general.architecture")
    if name not in KINDS:
        raise fields.error(f"architecture {name!r}; supported are {', '.join(sorted(KINDS))}")
    kind = KINDS[name]
    family = FAMILIES[kind.model_type]
    prefix = f"{name}."
    found = {key[len(prefix) :]: value for key, value in fields.values.items() if key.startswith(prefix)}
    own = Fields(fields.path, found, shown={key: prefix + key for key in found})
    values = _values(own, kind, tensors, factors, len(fields.strings("tokenizer.ggml.tokens")))
    shown = {theirs: prefix + ours for ours, theirs in NAMES.items()}
    unsaid = {
        name: each for name, each in family.defaults.items() if name not in ("head_dim", "rope_parameters")
    }
    config = Config(Fields(fields.path, values, shown=shown), replace(family, defaults=unsaid))
    arch, layout = config.describe()
    if len(factors.get("rope_freqs", ())):
        arch = replace(arch, attention=_divided(arch, factors["rope_freqs"]))
    turned = int(values.get("rotary_dim", arch.head_size))
    rotated = any(each.rotary for each in arch.attention)
    order = head_order(arch.head_size, turned, interleaved=kind.interleaved) if rotated else ()
    size = own.count("attention.value_length", arch.head_size)
    own.refuse({"values of another width than keys": size != arch.head_size})
    layout = replace(layout, gain=0.0, fused="stacked", transposed=False, first_position=0, head_order=order)
    return replace(arch, family=name), layout, family


def _values(
    own: Fields, kind: Kind, tensors: Mapping[str, Any], factors: Mapping[str, Array], vocabulary: int
) -> dict[str, Any]:
    """The configuration that says the same."""
    values = {theirs: own.get(ours) for ours, theirs in NAMES.items() if ours in own}
    values |= {"model_type": kind.model_type, "vocab_size": vocabulary}
    values["tie_word_embeddings"] = "output.weight" not in tensors
    normed = "blk.0.attn_q_norm.weight" in tensors
    values |= dict.fromkeys(QK_NORMS.get(kind.model_type, ()), normed)
    epsilon = own.named("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon")
    names = [name for name in FAMILIES[kind.model_type].defaults if name.endswith(("eps", "epsilon"))]
    if epsilon in own:
        values |= dict.fromkeys(names, own.number(epsilon))
    values |= _one_for_all(own, values, "num_key_value_heads") | _one_for_all(
        own, values, "intermediate_size"
    )
    values |= _logit_scale(own, kind)
    values |= _windows(own, values)
    values |= _special(own, kind, values, tensors)
    scaling = {theirs: own.get(ours) for ours, theirs in SCALING.items() if ours in own}
    if scaling := _scaling(own, scaling, factors):
        values["rope_scaling"] = scaling
    own.refuse({"attention to later tokens": not own.get("attention.causal", True)})
    own.refuse_unread((*INERT, *(key for key in own.values if key.startswith("ssm."))))
    return values


def _rows(tensors: Mapping[str, Any], name: str, default: int) -> int:
    """Of a matrix, if it is there."""
    return int(tensors[name].shape[1]) if name in tensors else default


def _one_for_all(own: Fields, values: dict[str, Any], name: str) -> dict[str, Any]:
    """A number that is listed for every layer."""
    found = values.get(name)
    if not isinstance(found, list):
        return {}
    if len(set(found)) != 1:
        raise own.error(f"{name} differs from layer to layer, which is not supported")
    return {name: found[0]}


def _logit_scale(own: Fields, kind: Kind) -> dict[str, Any]:
    """Cohere multiplies by it, Granite divides."""
    if "logit_scale" not in own:
        return {}
    name = "logit_scale" if kind.model_type.startswith("cohere") else "logits_scaling"
    return {name: own.number("logit_scale")}


def _windows(own: Fields, values: dict[str, Any]) -> dict[str, Any]:
    """A pattern of windows: every so-many-th layer without, or each layer listed."""
    pattern = own.get("attention.sliding_window_pattern", None)
    found: dict[str, Any] = {}
    if isinstance(pattern, list):
        found["layer_types"] = ["sliding_attention" if each else "full_attention" for each in pattern]
    elif pattern:
        found["sliding_window_pattern"] = pattern
    if values.get("sliding_window"):
        found["use_sliding_window"] = True
        found["max_window_layers"] = 0
    return found


def _special(own: Fields, kind: Kind, values: dict[str, Any], tensors: Mapping[str, Any]) -> dict[str, Any]:
    """What a family's files say by other means, or leave unsaid."""
    match kind.model_type:
        case "gemma2" | "gemma3_text":
            largest = values["num_hidden_layers"] == {"gemma2": 46, "gemma3_text": 62}[kind.model_type]
            by_width = int(values["hidden_size"]) // int(values["num_attention_heads"])
            return {"query_pre_attn_scalar": by_width if largest else values.get("head_dim", 256)}
        case "granite" | "granitemoehybrid":
            turned = own.get("rope.scaling.finetuned", True)
            if kind.model_type == "granite":
                own.refuse({"no positions": not turned})
                return {}
            shared = values.get("shared_intermediate_size", values["intermediate_size"])
            return {
                "position_embedding_type": "rope" if turned else "nope",
                "num_local_experts": values.get("num_local_experts", 0),
                "shared_intermediate_size": shared,
            }
        case "bloom":
            return {"seq_length": values.pop("max_position_embeddings", 2048)}
        case "mpt":
            alibi = {"alibi": True, "alibi_bias_max": own.number("attention.max_alibi_bias", 8.0)}
            return {"attn_config": alibi}
        case "falcon":
            several = "blk.0.attn_norm_2.weight" in tensors
            few = values.get("num_key_value_heads", 1) != 1
            hidden = _rows(tensors, "blk.0.ffn_up.weight", values["intermediate_size"])  # as Phi's
            values["intermediate_size"] = hidden
            heads = {"num_kv_heads": values.pop("num_key_value_heads", 1)}
            if not few and not several:
                return {"multi_query": True}
            return {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 2 if several else 1, **heads}
        case "stablelm":
            return {"use_parallel_residual": "blk.0.ffn_norm.weight" not in tensors}
        case "gpt_bigcode":
            return {"multi_query": values.pop("num_key_value_heads", 1) == 1}
        case "phi":  # the converter writes four times the width, whatever the matrices have
            return {"intermediate_size": _rows(tensors, "blk.0.ffn_up.weight", values["intermediate_size"])}
        case "exaone4":
            return {"sliding_window": values.get("sliding_window")}
        case "phi3":
            return {"use_sliding_window": True}
    return {}


def _scaling(own: Fields, scaling: dict[str, Any], factors: Mapping[str, Array]) -> dict[str, Any]:
    """The object `rope_scaling`; empty where nothing is scaled."""
    short = "rope_factors_short" in factors
    kind = "longrope" if short else str(scaling.get("rope_type", "linear"))
    factor = float(scaling.get("factor", 1.0) or 1.0)
    amplitude = own.number("rope.scaling.attn_factor", 1.0)
    if kind in ("none", "linear") and not scaling.get("alpha"):
        own.refuse({f"scaled rotary positions ({kind})": kind == "none" and factor != 1})
        return {"rope_type": "linear", "factor": factor} if factor != 1 else {}
    found = {**scaling, "rope_type": kind}
    if kind == "longrope":
        name = "original_max_position_embeddings"
        numbers = {"attention_factor": amplitude, "short_factor": factors["rope_factors_short"]}
        return {"rope_type": kind, name: scaling.get(name), **numbers}
    if kind == "yarn":
        over = own.number("rope.scaling.yarn_log_multiplier", 0.0)
        grown = 0.1 * np.log(factor) + 1 if factor > 1 else 1.0
        found["attention_factor"] = amplitude * float(grown / (0.1 * over * np.log(factor) + 1))
    return found


def _divided(arch: Architecture, factors: Array) -> tuple[Attention, ...]:
    """Rotations whose frequencies are divided by factors [turned / 2]."""
    found = []
    for each in arch.attention:
        if each.rotary is not None:
            padded = np.ones(len(each.rotary.frequencies))
            if len(factors) > len(padded):
                raise SourceError(f"rope_freqs: {len(factors)} factors of {len(padded)} frequencies")
            padded[: len(factors)] = factors
            turning = tuple(map(float, np.array(each.rotary.frequencies) / padded))
            each = replace(each, rotary=replace(each.rotary, frequencies=turning))
        found.append(each)
    return tuple(found)
