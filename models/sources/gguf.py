"""Checkpoints from GGUF files of the `llama` and `gpt2` architectures, however quantized."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.architecture import Architecture, Checkpoint
from models.errors import SourceError
from models.graph import Array
from models.vocabulary import Vocabulary

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
PRE_TOKENIZERS = {"smollm": True, "gpt-2": False}
"""`tokenizer.ggml.pre` of the pre-tokenizers we write, and whether digits stand alone there."""

CONTROL, USER_DEFINED = 3, 4
"""Token types of `tokenizer.ggml.token_type` that never come from plain text."""


def read_gguf(path: Path) -> Checkpoint:
    """Load a GGUF file.

    Raises:
        SourceError: It is damaged, or uses a feature that the decoder description has no word for.
    """
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        values = {name: field.contents() for name, field in reader.fields.items()}
    except (OSError, ValueError, IndexError, KeyError) as error:  # the last two: cut short, damaged
        raise SourceError(f"{path}: not a GGUF file: {error}") from None
    fields = _Fields(path, values)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    family = fields.text("general.architecture")
    readers: dict[str, Callable[[_Fields, Mapping[str, Any]], Architecture]] = {
        "llama": _llama_architecture,
        "gpt2": _gpt2_architecture,
    }
    if family not in readers:
        raise SourceError(f"{path}: architecture {family!r}; supported are {', '.join(sorted(readers))}")
    arch = readers[family](fields, tensors)
    tokens: list[str] = fields.get("tokenizer.ggml.tokens")
    vocabulary = _vocabulary(fields, tokens)
    return Checkpoint(
        name=_name(path),
        source=f"{path.name} sha256:{_digest(path)}",
        licence=fields.text("general.license", "unknown"),
        architecture=arch,
        weights=_weights(path, arch, tensors),
        vocabulary=vocabulary,
        end_ids=_end_ids(fields, tokens),
        chat_template=fields.get("tokenizer.chat_template", None),
        special_tokens={tokens[i]: i for i in sorted(vocabulary.specials)},
    )


class _Fields:
    """Metadata of the file, with an error that names what is missing."""

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        self.path = path
        self.values = values

    def get(self, name: str, *default: Any) -> Any:
        if name in self.values:
            return self.values[name]
        if default:
            return default[0]
        raise SourceError(f"{self.path}: the field {name} is missing")

    def text(self, name: str, *default: str) -> str:
        return str(self.get(name, *default))

    def number(self, name: str, *default: int) -> int:
        return int(self.get(name, *default))


def _llama_architecture(fields: _Fields, tensors: Mapping[str, Any]) -> Architecture:
    width, heads = fields.number("llama.embedding_length"), fields.number("llama.attention.head_count")
    head_size = fields.number("llama.attention.key_length", width // heads)
    unsupported = {
        "mixture of experts": fields.number("llama.expert_count", 0) > 0,
        "sliding window attention": "llama.attention.sliding_window" in fields.values,
        "scaled rotary positions": "llama.rope.scaling.type" in fields.values
        or "rope_freqs.weight" in tensors,
        "partly rotated heads": fields.number("llama.rope.dimension_count", head_size) != head_size,
    }
    _refuse(fields.path, unsupported)
    return Architecture(
        family="llama",
        layers=fields.number("llama.block_count"),
        width=width,
        heads=heads,
        kv_heads=fields.number("llama.attention.head_count_kv", heads),
        head_size=head_size,
        hidden=fields.number("llama.feed_forward_length"),
        vocabulary=len(fields.get("tokenizer.ggml.tokens")),
        context_length=fields.number("llama.context_length"),
        norm="rms",
        norm_epsilon=float(fields.get("llama.attention.layer_norm_rms_epsilon")),
        positions="rope",
        rope_base=float(fields.get("llama.rope.freq_base", 10_000.0)),
        mlp="swiglu",
    )


def _gpt2_architecture(fields: _Fields, tensors: Mapping[str, Any]) -> Architecture:
    width, heads = fields.number("gpt2.embedding_length"), fields.number("gpt2.attention.head_count")
    return Architecture(
        family="gpt2",
        layers=fields.number("gpt2.block_count"),
        width=width,
        heads=heads,
        kv_heads=heads,
        head_size=width // heads,
        hidden=fields.number("gpt2.feed_forward_length", 4 * width),
        vocabulary=len(fields.get("tokenizer.ggml.tokens")),
        context_length=fields.number("gpt2.context_length"),
        norm="layer",
        norm_epsilon=float(fields.get("gpt2.attention.layer_norm_epsilon")),
        positions="learned",
        rope_base=0.0,
        mlp="gelu",
    )


def _refuse(path: Path, unsupported: Mapping[str, bool]) -> None:
    for feature, present in unsupported.items():
        if present:
            raise SourceError(f"{path}: uses {feature}, which is not supported")


def _vocabulary(fields: _Fields, tokens: list[str]) -> Vocabulary:
    model, pre = fields.text("tokenizer.ggml.model"), fields.text("tokenizer.ggml.pre", "gpt-2")
    if model != "gpt2" or pre not in PRE_TOKENIZERS:
        known = ", ".join(PRE_TOKENIZERS)
        raise SourceError(f"{fields.path}: tokenizer {model}/{pre}; byte-level BPE with {known} is supported")
    kinds = fields.get("tokenizer.ggml.token_type", [1] * len(tokens))
    specials = frozenset(i for i, kind in enumerate(kinds) if kind in (CONTROL, USER_DEFINED))
    merges = [tuple(merge.split(" ")) for merge in fields.get("tokenizer.ggml.merges")]
    try:
        return Vocabulary.from_letters(tokens, merges, specials, digits=PRE_TOKENIZERS[pre])
    except ValueError as error:
        raise SourceError(f"{fields.path}: tokenizer: {error}") from None


def _end_ids(fields: _Fields, tokens: list[str]) -> tuple[int, ...]:
    """The end-of-text token, and every other token that chat models end a turn with."""
    found = {fields.number(f"tokenizer.ggml.{name}_token_id", -1) for name in ("eos", "eot", "eom")}
    found |= {i for i, token in enumerate(tokens) if token in ("<|endoftext|>", "<|im_end|>", "</s>")}
    return tuple(sorted(found - {-1}))


def _weights(path: Path, arch: Architecture, tensors: Mapping[str, Any]) -> dict[str, Array]:
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


def _name(path: Path) -> str:
    """A model id from the file's name: lower case, without the quantization's suffix."""
    return re.sub(r"[.-](I?Q\d\w*|F16|F32|BF16)$", "", path.stem, flags=re.IGNORECASE).lower()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
