"""Tiny models of both families: random weights, the real vocabulary, built as the real one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
from rich.console import Console

from app.engine.config import EngineConfig
from app.model.manifest import Manifest
from app.model.shape import ModelShape, model_shape
from models.build import build
from models.checkpoint.architecture import Architecture, Attention, Checkpoint, Rotary
from models.checkpoint.vocabulary import Vocabulary, byte_letters
from models.options import BuildOptions
from models.progress import Stages
from models.quantization.rounding import Scheme, quantize_matrix
from models.sources.gguf_weights import NAMES
from models.sources.rotary import frequencies
from models.tflite.graph import Array

Family = Literal["llama", "gpt2"]

TURNED = Attention(Rotary(tuple(map(float, frequencies(10_000.0, 16)))))
LLAMA = Architecture(
    family="llama",
    layers=2,
    width=64,
    heads=4,
    kv_heads=2,
    head_size=16,
    hidden=128,
    vocabulary=0,
    context_length=512,
    norm="rms",
    norm_epsilon=1e-5,
    attention=(TURNED, TURNED),
    scale=16**-0.5,
    activation="silu",
    gated=True,
)
GPT2 = replace(
    LLAMA,
    family="gpt2",
    kv_heads=4,
    norm="layer",
    attention=(Attention(), Attention()),
    activation="gelu_tanh",
    gated=False,
)
ENDS = (b"<|endoftext|>", b"<|im_end|>")
ARCHITECTURES: dict[Family, Architecture] = {"llama": LLAMA, "gpt2": GPT2}


TOY_VOCABULARY = Vocabulary(
    tokens=(ENDS[0], *(bytes([byte]) for byte in range(256)), b"th", b"the", b" the", ENDS[1]),
    merges=((b"t", b"h"), (b"th", b"e"), (b" ", b"the")),
    specials=frozenset([0, 260]),
    digits=True,
)
"""Every byte, three merges and two special tokens: read and written in no time."""


@dataclass(frozen=True, slots=True)
class TinyModel:
    """A built file and what it was built from."""

    path: Path
    manifest: Manifest
    checkpoint: Checkpoint

    @property
    def shape(self) -> ModelShape:
        return model_shape(self.manifest)

    def config(self, **changes: Any) -> EngineConfig:
        """An engine over the file, with its packed weights beside it."""
        config = EngineConfig(
            model=self.path,
            digest=self.manifest.sha256,
            runtime="litert" if self.manifest.target == "litert" else "tflite-runtime",
            shape=self.shape,
            threads=1,
            slots=4,
            prefill_chunk=32,
            cache_bytes=2**20,
            cache_folder=self.path.parent,
        )
        return replace(config, **changes)


def tiny_checkpoint(family: Family, vocabulary: Vocabulary, seed: int = 1) -> Checkpoint:
    """Weights that make sharp, varied text: no token is the likeliest everywhere."""
    arch = replace(ARCHITECTURES[family], vocabulary=len(vocabulary.tokens))
    return Checkpoint(
        name=f"tiny-{family}",
        source="random",
        licence="Apache-2.0",
        architecture=arch,
        weights=random_weights(arch, seed),
        vocabulary=vocabulary,
        end_ids=tuple(i for i in sorted(vocabulary.specials) if vocabulary.tokens[i] in ENDS),
        chat_template=None,
        special_tokens={vocabulary.tokens[i].decode(): i for i in sorted(vocabulary.specials)},
    )


def random_weights(arch: Architecture, seed: int) -> dict[str, Array]:
    rng = np.random.Generator(np.random.PCG64(seed))

    def normal(*shape: int, scale: float) -> Array:
        return (rng.standard_normal(shape, np.float32) * scale).astype(np.float32)

    def matrix(outputs: int, inputs: int) -> Array:
        return normal(outputs, inputs, scale=1.5 * inputs**-0.5)

    def gain() -> Array:
        return 1 + normal(arch.width, scale=0.2)

    query, key = arch.heads * arch.head_size, arch.kv_heads * arch.head_size
    weights = {"embedding": normal(arch.vocabulary, arch.width, scale=0.3), "final_norm": gain()}
    if not any(each.rotary for each in arch.attention) and not arch.slopes:
        weights["positions"] = normal(arch.context_length, arch.width, scale=0.3)
    for n in range(arch.layers):
        if arch.pre_norm:
            weights |= {f"{n}.norm1": gain(), f"{n}.norm2": gain()}
        if arch.post_norm:
            weights |= {f"{n}.post1": gain(), f"{n}.post2": gain()}
        weights[f"{n}.q"] = matrix(query, arch.width)
        weights[f"{n}.k"] = matrix(key, arch.width)
        weights[f"{n}.v"] = matrix(key, arch.width)
        weights[f"{n}.o"] = matrix(arch.width, query)
        weights[f"{n}.up"] = matrix(arch.hidden, arch.width)
        weights[f"{n}.down"] = matrix(arch.width, arch.hidden)
        if arch.gated:
            weights[f"{n}.gate"] = matrix(arch.hidden, arch.width)
    if arch.head_norm:
        row = arch.head_norm == "row"
        for n in range(arch.layers):
            for part, size in (("q_norm", query), ("k_norm", key)):
                weights[f"{n}.{part}"] = 1 + normal(size if row else arch.head_size, scale=0.2)
    if arch.norm == "layer":
        biased = [name for name in weights if name not in ("embedding", "positions")]
        weights |= {f"{name}.bias": normal(len(weights[name]), scale=0.1) for name in biased}
    return weights


def stored(weight: Array, scheme: Scheme) -> Array:
    """The numbers that a matrix has in a file of this format."""
    found: Array
    if scheme.dtype in ("float32", "float16"):
        found = weight.astype(scheme.dtype).astype(np.float32)
    else:
        rounded = quantize_matrix("w", weight, scheme.dtype)
        found = (rounded.values * rounded.scales[:, None]).astype(np.float32)
    return found


def build_tiny(
    folder: Path, checkpoint: Checkpoint, text_ops: Path, *, name: str = "tiny.tflite", **options: Any
) -> TinyModel:
    """Build into a folder, with links to TF-Text's shared objects beside the file."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "text_ops").exists():
        (folder / "text_ops").symlink_to(text_ops)
    small = BuildOptions(
        source=Path("given"),
        output=folder / name,
        sequence_length=256,
        quantize="none",
        serving_window=40,
        serving_tokens=24,
        calibration_tokens=256,
        quality_tokens=0,
    )
    chosen = replace(small, **options)
    with (
        patch("models.build.fetch_wheel"),
        patch("models.build.extract_text_ops", return_value={}),
        patch("models.build.read_checkpoint", return_value=checkpoint),
    ):
        manifest = build(chosen, Stages(4, Console(quiet=True)))
    return TinyModel(chosen.output, manifest, checkpoint)


def gguf_fields(checkpoint: Checkpoint) -> dict[str, Any]:
    """Metadata as llama.cpp's converter writes it."""
    arch, vocabulary = checkpoint.architecture, checkpoint.vocabulary
    letters = {byte: letter for letter, byte in byte_letters().items()}

    def spell(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    fields: dict[str, Any] = {
        "general.architecture": arch.family,
        "general.license": "apache-2.0",
        f"{arch.family}.context_length": arch.context_length,
        f"{arch.family}.embedding_length": arch.width,
        f"{arch.family}.block_count": arch.layers,
        f"{arch.family}.feed_forward_length": arch.hidden,
        f"{arch.family}.attention.head_count": arch.heads,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm" if vocabulary.digits else "gpt-2",
        "tokenizer.ggml.tokens": [
            token.decode() if i in vocabulary.specials else spell(token)
            for i, token in enumerate(vocabulary.tokens)
        ],
        "tokenizer.ggml.token_type": [
            3 if i in vocabulary.specials else 1 for i in range(len(vocabulary.tokens))
        ],
        "tokenizer.ggml.merges": [f"{spell(left)} {spell(right)}" for left, right in vocabulary.merges],
        "tokenizer.ggml.eos_token_id": checkpoint.end_ids[-1],
    }
    if checkpoint.chat_template is not None:
        fields["tokenizer.chat_template"] = checkpoint.chat_template
    if arch.family == "llama":
        fields["llama.attention.head_count_kv"] = arch.kv_heads
        fields["llama.attention.layer_norm_rms_epsilon"] = arch.norm_epsilon
        fields["llama.rope.freq_base"] = 10_000.0
    else:
        fields["gpt2.attention.layer_norm_epsilon"] = arch.norm_epsilon
    return fields


def gguf_tensors(checkpoint: Checkpoint) -> dict[str, Array]:
    """Weights as llama.cpp's converter writes them."""
    arch, weights = checkpoint.architecture, dict(checkpoint.weights)
    names = {
        "embedding": "token_embd.weight",
        "head": "output.weight",
        "positions": "position_embd.weight",
        "final_norm": "output_norm.weight",
        "final_norm.bias": "output_norm.bias",
    }
    for n in range(arch.layers):
        if arch.family == "llama":
            for part, heads in (("q", arch.heads), ("k", arch.kv_heads)):
                for name in (f"{n}.{part}", f"{n}.{part}.bias"):
                    if name in weights:
                        weights[name] = permute(weights[name], heads)
        else:
            for suffix in ("", ".bias"):
                parts = [weights.pop(f"{n}.{part}{suffix}") for part in "qkv"]
                weights[f"{n}.qkv{suffix}"] = np.concatenate(parts)
        for ours, theirs in NAMES.items():
            names[f"{n}.{ours}"] = f"blk.{n}.{theirs}.weight"
            names[f"{n}.{ours}.bias"] = f"blk.{n}.{theirs}.bias"
    return {names[ours]: weight for ours, weight in weights.items()}


def permute(weight: Array, heads: int) -> Array:
    """`LlamaModel.permute` of llama.cpp's convert_hf_to_gguf.py: a head's two halves are interleaved."""
    shape = (heads, 2, len(weight) // heads // 2, *weight.shape[1:])
    return weight.reshape(shape).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path: Path, fields: Mapping[str, Any], tensors: Mapping[str, Array]) -> Path:
    from gguf import GGUFWriter

    writer = GGUFWriter(path, fields["general.architecture"])
    add: dict[type, Any] = {
        str: writer.add_string,
        bool: writer.add_bool,
        int: writer.add_uint32,
        float: writer.add_float32,
        list: writer.add_array,
    }
    for name, value in fields.items():
        if name != "general.architecture":
            add[type(value)](name, value)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
