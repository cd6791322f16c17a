"""Checkpoints from Hugging Face directories: GPT-2, Llama and Qwen2 shapes, without torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  # gives NumPy the number format bfloat16
import numpy as np

from models.architecture import Architecture, Checkpoint
from models.errors import SourceError
from models.graph import Array
from models.sources.tokenizer_json import read_tokenizer

LLAMA = {
    "norm1": "input_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "norm2": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
GPT2 = {
    "norm1": "ln_1",
    "qkv": "attn.c_attn",
    "o": "attn.c_proj",
    "norm2": "ln_2",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
}
TOP = {
    "embedding": ("embed_tokens", "wte"),
    "positions": ("wpe",),
    "final_norm": ("norm", "ln_f"),
    "head": ("lm_head",),
}
BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
"""Tensors that are no weights: masks and frequencies that old files carry."""


def read_hugging_face(folder: Path) -> Checkpoint:
    """Load `config.json`, `*.safetensors` and `tokenizer.json`.

    Raises:
        SourceError: A file is missing or damaged, or the model uses a feature that cannot be expressed.
    """
    config = read_json(folder / "config.json")
    family = str(config.get("model_type"))
    readers: dict[str, Callable[[Path, Mapping[str, Any]], Architecture]] = {
        "gpt2": _gpt2_architecture,
        "llama": _llama_architecture,
        "qwen2": _llama_architecture,
    }
    if family not in readers:
        known = ", ".join(sorted(readers))
        raise SourceError(f"{folder}: model_type {family!r}; supported are {known}")
    arch = readers[family](folder, config)
    tokenizer = read_tokenizer(folder, arch.vocabulary)
    weights = _weights(folder, arch, _tensors(folder))
    if config.get("tie_word_embeddings", family == "gpt2"):
        weights.pop("head", None)
    elif "head" not in weights:
        raise SourceError(f"{folder}: the tensor lm_head.weight is missing")
    return Checkpoint(
        name=folder.resolve().name.lower(),
        source=f"{folder.resolve().name} (Hugging Face directory)",
        licence="unknown",
        architecture=arch,
        weights=weights,
        vocabulary=tokenizer.vocabulary,
        end_ids=tokenizer.end_ids(_declared_ends(folder, config)),
        chat_template=tokenizer.chat_template,
        special_tokens=tokenizer.special_tokens,
    )


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file.

    Raises:
        SourceError: It is missing or no JSON object.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise SourceError(f"{path}: not found") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(found, dict):
        raise SourceError(f"{path}: holds no JSON object")
    return found


def _gpt2_architecture(folder: Path, config: Mapping[str, Any]) -> Architecture:
    number = _numbers(folder, config)
    _refuse(
        folder,
        {
            f"the activation {config.get('activation_function')}": config.get(
                "activation_function", "gelu_new"
            )
            not in ("gelu_new", "gelu_pytorch_tanh"),
            "attention scaled by the layer's number": config.get("scale_attn_by_inverse_layer_idx", False),
            "attention without scale": not config.get("scale_attn_weights", True),
            "cross attention": config.get("add_cross_attention", False),
        },
    )
    width, heads = number("n_embd"), number("n_head")
    return Architecture(
        family="gpt2",
        layers=number("n_layer"),
        width=width,
        heads=heads,
        kv_heads=heads,
        head_size=width // heads,
        hidden=int(config.get("n_inner") or 4 * width),
        vocabulary=number("vocab_size"),
        context_length=number("n_positions"),
        norm="layer",
        norm_epsilon=float(config.get("layer_norm_epsilon", 1e-5)),
        positions="learned",
        rope_base=0.0,
        mlp="gelu",
    )


def _llama_architecture(folder: Path, config: Mapping[str, Any]) -> Architecture:
    number = _numbers(folder, config)
    rope = config.get("rope_scaling") or config.get("rope_parameters") or {}
    sliding = config.get("use_sliding_window", config.get("sliding_window") is not None)
    experts = any(config.get(name) for name in ("num_experts", "num_local_experts", "n_routed_experts"))
    _refuse(
        folder,
        {
            "sliding window attention": bool(sliding),
            "mixture of experts": experts,
            "scaled rotary positions": rope.get("rope_type", rope.get("type", "default")) != "default",
            "partly rotated heads": config.get("partial_rotary_factor", 1.0) != 1.0,
            f"the activation {config.get('hidden_act')}": config.get("hidden_act", "silu") != "silu",
            "quantized weights": "quantization_config" in config,
        },
    )
    width, heads = number("hidden_size"), number("num_attention_heads")
    return Architecture(
        family="llama" if config["model_type"] == "llama" else "qwen2",
        layers=number("num_hidden_layers"),
        width=width,
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_size=int(config.get("head_dim") or width // heads),
        hidden=number("intermediate_size"),
        vocabulary=number("vocab_size"),
        context_length=number("max_position_embeddings"),
        norm="rms",
        norm_epsilon=float(config.get("rms_norm_eps", 1e-6)),
        positions="rope",
        rope_base=float(config.get("rope_theta") or rope.get("rope_theta", 10_000.0)),
        mlp="swiglu",
    )


def _numbers(folder: Path, config: Mapping[str, Any]) -> Callable[[str], int]:
    def number(name: str) -> int:
        value = config.get(name)
        if not isinstance(value, int):
            raise SourceError(f"{folder / 'config.json'}: {name} is {value!r}, expected an integer")
        return value

    return number


def _refuse(folder: Path, unsupported: Mapping[str, bool]) -> None:
    for feature, present in unsupported.items():
        if present:
            raise SourceError(f"{folder}: uses {feature}, which is not supported")


def _declared_ends(folder: Path, config: Mapping[str, Any]) -> set[int]:
    path = folder / "generation_config.json"
    declared = [config.get("eos_token_id")]
    if path.exists():
        declared.append(read_json(path).get("eos_token_id"))
    return {i for ids in declared for i in (ids if isinstance(ids, list) else [ids]) if i is not None}


def _tensors(folder: Path) -> dict[str, Array]:
    """Every tensor of every shard, float32, without the prefix `model.` or `transformer.`."""
    from safetensors import SafetensorError, safe_open

    found: dict[str, Array] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "np") as file:
                for name in file.keys():  # noqa: SIM118  # it is no mapping
                    short = name.removeprefix("model.").removeprefix("transformer.")
                    found[short] = file.get_tensor(name).astype(np.float32)
        except (SafetensorError, TypeError) as error:
            raise SourceError(f"{path}: not readable as safetensors: {error}") from None
    if not found:
        raise SourceError(f"{folder}: there is no .safetensors file; convert other weights to it first")
    return found


def _weights(folder: Path, arch: Architecture, tensors: dict[str, Array]) -> dict[str, Array]:
    weights: dict[str, Array] = {}

    def take(ours: str, *theirs: str, optional: bool = False) -> None:
        for name in theirs:
            if f"{name}.bias" in tensors:
                weights[f"{ours}.bias"] = tensors.pop(f"{name}.bias")
            if f"{name}.weight" in tensors:
                weights[ours] = tensors.pop(f"{name}.weight")
                return
        if not optional:
            raise SourceError(f"{folder}: the tensor {theirs[0]}.weight is missing")

    for name in [name for name in tensors if name.endswith(BUFFERS)]:
        del tensors[name]
    for ours, alternatives in TOP.items():
        take(ours, *alternatives, optional=ours in ("head", "positions"))
    for n in range(arch.layers):
        names, prefix = (GPT2, f"h.{n}") if arch.family == "gpt2" else (LLAMA, f"layers.{n}")
        for ours, theirs in names.items():
            take(f"{n}.{ours}", f"{prefix}.{theirs}")
        if arch.family == "gpt2":
            _from_convolutions(weights, n)
    if tensors:
        raise SourceError(f"{folder}: nothing known has a use for the tensor {min(tensors)}")
    return weights


def _from_convolutions(weights: dict[str, Array], n: int) -> None:
    """GPT-2's matrices are [in, out], with queries, keys and values side by side."""
    for name in ("qkv", "o", "up", "down"):
        weights[f"{n}.{name}"] = np.ascontiguousarray(weights[f"{n}.{name}"].T)
    for suffix in ("", ".bias"):
        parts = np.split(weights.pop(f"{n}.qkv{suffix}"), 3)
        weights |= {f"{n}.{ours}{suffix}": part for ours, part in zip("qkv", parts, strict=True)}
