"""Weights of Hugging Face directories under our names, from `*.safetensors`."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes  # noqa: F401  # gives NumPy the number format bfloat16
import numpy as np

from models.checkpoint.architecture import Architecture
from models.errors import SourceError
from models.tflite.graph import Array

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


def read_weights(folder: Path, arch: Architecture) -> dict[str, Array]:
    """Every weight of the architecture, float32.

    Raises:
        SourceError: A file is damaged, a tensor is missing or has no use.
    """
    weights, tensors = dict[str, Array](), _tensors(folder)

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


def _from_convolutions(weights: dict[str, Array], n: int) -> None:
    """GPT-2's matrices are [in, out], with queries, keys and values side by side."""
    for name in ("qkv", "o", "up", "down"):
        weights[f"{n}.{name}"] = np.ascontiguousarray(weights[f"{n}.{name}"].T)
    for suffix in ("", ".bias"):
        parts = np.split(weights.pop(f"{n}.qkv{suffix}"), 3)
        weights |= {f"{n}.{ours}{suffix}": part for ours, part in zip("qkv", parts, strict=True)}
