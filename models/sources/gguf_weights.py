"""Weights of GGUF files under our names, dequantized when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from models.checkpoint.architecture import Architecture
from models.checkpoint.weights import Lazy
from models.errors import SourceError
from models.sources.family import Family
from models.sources.fields import Fields
from models.sources.hugging_face_weights import CURVE, curve, finite
from models.tflite.graph import Array

TOP = {
    "embedding": "token_embd",
    "embedding_norm": "token_embd_norm",
    "positions": "position_embd",
    "final_norm": "output_norm",
    "head": "output",
}
NAMES = {
    "norm1": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "qkv": "attn_qkv",
    "q_norm": "attn_q_norm",
    "k_norm": "attn_k_norm",
    "o": "attn_output",
    "post1": "post_attention_norm",
    "norm2": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
    "post2": "post_ffw_norm",
}
SECOND_NORM = "attn_norm_2"
"""Attention's norm in Falcon's files that have one for it alone; `attn_norm` is the MLP's there."""

FACTORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")


def read_weights(
    path: Path, arch: Architecture, tensors: Mapping[str, Any], family: Family
) -> dict[str, Lazy]:
    """Every weight, fused as it is stored.

    Args:
        path: The file, for errors.
        arch: What it describes.
        tensors: `ReaderTensor` of the package `gguf`, by name.
        family: Says which norms have no weights.

    Raises:
        SourceError: A tensor is missing, has no use, or is no float.
    """
    unused, weights = set(tensors) - set(FACTORS), dict[str, Lazy]()

    def take(ours: str, theirs: str) -> None:
        for suffix, kind in (("", "weight"), (".bias", "bias")):
            if f"{theirs}.{kind}" in tensors:
                unused.discard(f"{theirs}.{kind}")
                weights[f"{ours}{suffix}"] = _entry(path, tensors[f"{theirs}.{kind}"])

    for ours, theirs in TOP.items():
        take(ours, theirs)
    absent = {"q_norm", "k_norm"} if not arch.head_norm else set()
    absent |= {"post1", "post2"} if not arch.post_norm else set()
    absent |= {"norm1", "norm2"} if not arch.pre_norm else set()
    names = {ours: theirs for ours, theirs in NAMES.items() if ours not in absent}
    for n in range(arch.layers):
        for ours, theirs in names.items():
            take(f"{n}.{ours}", f"blk.{n}.{theirs}")
        if arch.pre_norm and not arch.post_norm and f"{n}.norm2" not in weights:  # Seed-OSS's name for it
            take(f"{n}.norm2", f"blk.{n}.{NAMES['post1']}")
        if f"blk.{n}.{SECOND_NORM}.weight" in tensors:
            for suffix in ("", ".bias"):
                weights[f"{n}.norm2{suffix}"] = weights.pop(f"{n}.norm1{suffix}")
            take(f"{n}.norm1", f"blk.{n}.{SECOND_NORM}")
        if arch.gated and f"{n}.gate" not in weights and f"{n}.up" in weights:
            weights[f"{n}.gate_up"] = weights.pop(f"{n}.up")
        if arch.parallel and f"{n}.norm2" not in weights:  # attention and MLP read one norm
            for suffix in ("", ".bias"):
                if f"{n}.norm1{suffix}" in weights:
                    weights[f"{n}.norm2{suffix}"] = weights[f"{n}.norm1{suffix}"]
    _check(path, arch, weights, family)
    if unused:
        raise SourceError(f"{path}: nothing known has a use for the tensor {min(unused)}")
    return weights


def read_curves(fields: Fields, arch: Architecture) -> dict[str, Lazy]:
    """Numbers of xIELU, which stand in the metadata: a list with one for each layer.

    Raises:
        SourceError: They are missing, or too few.
    """
    if arch.activation != "xielu":
        return {}
    parts = [fields.get(f"xielu.{part}") for part in CURVE[:3]]
    if any(not isinstance(part, list) or len(part) != arch.layers for part in parts):
        raise fields.error(f"xielu.{CURVE[0]} is not listed for each of {arch.layers} layers")
    return {
        f"{n}.curve": Lazy((3,), partial(curve, *map(float, numbers)))
        for n, numbers in enumerate(zip(*parts, strict=True))
    }


def _check(path: Path, arch: Architecture, weights: Mapping[str, Lazy], family: Family) -> None:
    """See whether every weight that the architecture computes with is there."""
    parts = ["norm1", "norm2"] * arch.pre_norm + ["post1", "post2"] * arch.post_norm
    parts = [part for part in parts if part not in family.weightless]
    parts += ["q_norm", "k_norm"] * bool(arch.head_norm) + ["q", "k", "v", "o", "up", "down"]
    parts += ["gate"] * arch.gated
    fused = {"q": "qkv", "k": "qkv", "v": "qkv", "gate": "gate_up", "up": "gate_up"}
    for ours, theirs in (("embedding", TOP["embedding"]), ("final_norm", TOP["final_norm"])):
        if ours not in weights and ours not in family.weightless:
            raise SourceError(f"{path}: the tensor {theirs}.weight is missing")
    for n, part in product(range(arch.layers), parts):
        if f"{n}.{part}" not in weights and f"{n}.{fused.get(part)}" not in weights:
            raise SourceError(f"{path}: the tensor blk.{n}.{NAMES[part]}.weight is missing")


def read_tensor(path: Path, tensor: Any) -> Array:
    """One tensor, float32.

    Raises:
        SourceError: It cannot be dequantized, or holds a number that is not finite.
    """
    from gguf import GGMLQuantizationType, dequantize

    try:
        doubles = tensor.tensor_type is GGMLQuantizationType.F64
        values = tensor.data if doubles else dequantize(tensor.data, tensor.tensor_type)
    except (NotImplementedError, ValueError) as error:
        raise SourceError(
            f"{path}: the tensor {tensor.name} of type {tensor.tensor_type.name}: {error}"
        ) from None
    return finite(path, tensor.name, values.astype(np.float32).reshape(_shape(tensor)))


def _entry(path: Path, tensor: Any) -> Lazy:
    if tensor.tensor_type.name.startswith("I") and tensor.tensor_type.name[1:].isdigit():
        raise SourceError(f"{path}: the tensor {tensor.name} holds integers ({tensor.tensor_type.name})")
    return Lazy(_shape(tensor), lambda: read_tensor(path, tensor))


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in reversed(tensor.shape))
