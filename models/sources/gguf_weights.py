"""Weights of GGUF files under our names: dequantized, heads in our order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.checkpoint.architecture import Architecture
from models.errors import SourceError
from models.tflite.graph import Array

LLAMA_LAYER = {
    "norm1": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "norm2": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}
GPT2_LAYER = {
    "norm1": "attn_norm",
    "qkv": "attn_qkv",
    "o": "attn_output",
    "norm2": "ffn_norm",
    "up": "ffn_up",
    "down": "ffn_down",
}


def read_weights(path: Path, arch: Architecture, tensors: Mapping[str, Any]) -> dict[str, Array]:
    """Every weight of the architecture, float32.

    Args:
        path: The file, for errors.
        arch: What it describes.
        tensors: `ReaderTensor` of the package `gguf`, by name.

    Raises:
        SourceError: A tensor is missing, cannot be dequantized, or has no use.
    """
    from gguf import dequantize

    unused = set(tensors)

    def load(name: str) -> Array:
        if name not in tensors:
            raise SourceError(f"{path}: the tensor {name} is missing")
        tensor = tensors[name]
        unused.discard(name)
        shape = [int(size) for size in reversed(tensor.shape)]
        values: Array = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        return values.reshape(shape)

    weights = {"embedding": load("token_embd.weight"), "final_norm": load("output_norm.weight")}
    optional = {
        "head": "output.weight",
        "positions": "position_embd.weight",
        "final_norm.bias": "output_norm.bias",
    }
    weights |= {ours: load(theirs) for ours, theirs in optional.items() if theirs in tensors}
    for n in range(arch.layers):
        for ours, theirs in (LLAMA_LAYER if arch.family == "llama" else GPT2_LAYER).items():
            weights[f"{n}.{ours}"] = load(f"blk.{n}.{theirs}.weight")
            if f"blk.{n}.{theirs}.bias" in tensors:
                weights[f"{n}.{ours}.bias"] = load(f"blk.{n}.{theirs}.bias")
        if arch.family == "llama":
            for ours, heads in (("q", arch.heads), ("k", arch.kv_heads)):
                for name in {f"{n}.{ours}", f"{n}.{ours}.bias"} & weights.keys():
                    weights[name] = _halves(weights[name], heads)
        else:
            for suffix in ("", ".bias"):
                if f"{n}.qkv{suffix}" in weights:
                    parts = np.split(weights.pop(f"{n}.qkv{suffix}"), 3)
                    weights |= {f"{n}.{ours}{suffix}": part for ours, part in zip("qkv", parts, strict=True)}
    if unused:
        raise SourceError(f"{path}: nothing known has a use for the tensor {min(unused)}")
    return weights


def _halves(rows: Array, heads: int) -> Array:
    """Rows [heads * HD, ...] in the order of halves: llama.cpp's converter interleaves a head's halves."""
    return rows.reshape(heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)
