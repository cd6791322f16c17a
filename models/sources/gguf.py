"""Checkpoints from GGUF files of the `llama` and `gpt2` architectures, however quantized."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.checkpoint.architecture import Architecture, Checkpoint
from models.errors import SourceError
from models.sources.fields import Fields
from models.sources.gguf_tokenizer import read_tokenizer
from models.sources.gguf_weights import read_weights
from models.sources.shapes import check_shapes


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
    fields = Fields(path, values)
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    family = fields.text("general.architecture")
    readers: dict[str, Callable[[Fields, Mapping[str, Any]], Architecture]] = {
        "llama": _llama_architecture,
        "gpt2": _gpt2_architecture,
    }
    if family not in readers:
        raise SourceError(f"{path}: architecture {family!r}; supported are {', '.join(sorted(readers))}")
    arch = readers[family](fields, tensors)
    tokenizer, weights = read_tokenizer(fields), read_weights(path, arch, tensors)
    check_shapes(path, arch, weights)
    return Checkpoint(
        name=_name(path),
        source=f"{path.name} sha256:{_digest(path)}",
        licence=fields.text("general.license", "unknown"),
        architecture=arch,
        weights=weights,
        vocabulary=tokenizer.vocabulary,
        end_ids=tokenizer.end_ids,
        chat_template=fields.get("tokenizer.chat_template", None),
        special_tokens=tokenizer.special_tokens,
        start_id=tokenizer.start_id,
    )


def _llama_architecture(fields: Fields, tensors: Mapping[str, Any]) -> Architecture:
    heads = fields.count("llama.attention.head_count")
    if "llama.attention.key_length" in fields:
        head_size = fields.count("llama.attention.key_length")
    else:
        head_size = fields.head_size("llama.embedding_length", "llama.attention.head_count")
    scaling = fields.text("llama.rope.scaling.type", "none")
    fields.refuse(
        {
            "mixture of experts": fields.number("llama.expert_count", 0) > 0,
            "sliding window attention": fields.number("llama.attention.sliding_window", 0) > 0,
            f"scaled rotary positions ({scaling})": scaling != "none"
            or fields.number("llama.rope.scale_linear", 1) != 1,
            "scaled rotary positions (rope_freqs)": "rope_freqs.weight" in tensors,
            "partly rotated heads": fields.count("llama.rope.dimension_count", head_size) != head_size,
            "values of another width than keys": fields.count("llama.attention.value_length", head_size)
            != head_size,
            "attention to later tokens": not fields.get("llama.attention.causal", True),
            "clamped queries, keys and values": fields.number("llama.attention.clamp_kqv", 0) > 0,
            "linear attention biases": fields.number("llama.attention.max_alibi_bias", 0) > 0,
        }
    )
    return Architecture(
        family="llama",
        layers=fields.count("llama.block_count"),
        width=fields.count("llama.embedding_length"),
        heads=heads,
        kv_heads=fields.count("llama.attention.head_count_kv", heads),
        head_size=head_size,
        hidden=fields.count("llama.feed_forward_length"),
        vocabulary=len(fields.strings("tokenizer.ggml.tokens")),
        context_length=fields.count("llama.context_length"),
        norm="rms",
        norm_epsilon=fields.number("llama.attention.layer_norm_rms_epsilon"),
        positions="rope",
        rope_base=fields.number("llama.rope.freq_base", 10_000.0),
        mlp="swiglu",
    )


def _gpt2_architecture(fields: Fields, tensors: Mapping[str, Any]) -> Architecture:
    width, heads = fields.count("gpt2.embedding_length"), fields.count("gpt2.attention.head_count")
    return Architecture(
        family="gpt2",
        layers=fields.count("gpt2.block_count"),
        width=width,
        heads=heads,
        kv_heads=heads,
        head_size=fields.head_size("gpt2.embedding_length", "gpt2.attention.head_count"),
        hidden=fields.count("gpt2.feed_forward_length", 4 * width),
        vocabulary=len(fields.strings("tokenizer.ggml.tokens")),
        context_length=fields.count("gpt2.context_length"),
        norm="layer",
        norm_epsilon=fields.number("gpt2.attention.layer_norm_epsilon"),
        positions="learned",
        rope_base=0.0,
        mlp="gelu",
    )


def _name(path: Path) -> str:
    """A model id from the file's name: lower case, without the quantization's suffix."""
    return re.sub(r"[.-](I?Q\d\w*|F16|F32|BF16)$", "", path.stem, flags=re.IGNORECASE).lower()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
