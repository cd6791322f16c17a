from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.vocabulary import byte_letters
from models.errors import SourceError
from models.sources import read_checkpoint
from models.sources.tensor_names import GPT2, LAYER
from models.tflite.graph import Array
from tests.tiny import TOY_VOCABULARY, tiny_checkpoint

Write = Callable[..., Path]
SPECIAL = {"<|endoftext|>": 0, "<|im_end|>": 260}


def config(checkpoint: Checkpoint) -> dict[str, Any]:
    a = checkpoint.architecture
    if a.family == "gpt2":
        return {
            "model_type": "gpt2", "n_embd": a.width, "n_layer": a.layers, "n_head": a.heads,
            "n_inner": a.hidden,
            "n_positions": a.context_length, "vocab_size": a.vocabulary,
            "layer_norm_epsilon": a.norm_epsilon,
        }  # fmt: skip
    return {
        "model_type": a.family, "hidden_size": a.width, "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads, "num_key_value_heads": a.kv_heads, "intermediate_size": a.hidden,
        "max_position_embeddings": a.context_length, "vocab_size": a.vocabulary,
        "rms_norm_eps": a.norm_epsilon,
        "rope_theta": 10_000.0, "tie_word_embeddings": "head" not in checkpoint.weights,
    }  # fmt: skip


def tensors(checkpoint: Checkpoint) -> dict[str, Array]:
    """As `save_pretrained` writes them."""
    weights, found = dict(checkpoint.weights), {}
    if checkpoint.architecture.family == "gpt2":
        names, prefix, layer = GPT2, "transformer.", "transformer.h"
        top = {"embedding": "wte", "positions": "wpe", "final_norm": "ln_f"}
        for n in range(checkpoint.architecture.layers):
            for suffix in ("", ".bias"):
                parts = [weights.pop(f"{n}.{part}{suffix}") for part in "qkv"]
                weights[f"{n}.qkv{suffix}"] = np.concatenate(parts)
            for name in ("qkv", "o", "up", "down"):
                weights[f"{n}.{name}"] = weights[f"{n}.{name}"].T
    else:
        names = {ours: str(theirs) for ours, theirs in LAYER.items()}
        prefix, layer = "model.", "model.layers"
        top = {"embedding": "embed_tokens", "final_norm": "norm"}
    for name, weight in weights.items():
        kind = "bias" if name.endswith(".bias") else "weight"
        name = name.removesuffix(".bias")
        if name == "head":
            theirs = "lm_head"
        elif name in top:
            theirs = prefix + top[name]
        else:
            number, part = name.split(".")
            theirs = f"{layer}.{number}.{names[part]}"
        found[f"{theirs}.{kind}"] = np.ascontiguousarray(weight)
    return found


def tokenizer(digits: bool) -> dict[str, Any]:
    letters = {byte: letter for letter, byte in byte_letters().items()}

    def spell(raw: bytes) -> str:
        return "".join(letters[byte] for byte in raw)

    v = TOY_VOCABULARY
    level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    steps = [{"type": "Digits", "individual_digits": True}, level]
    return {
        "added_tokens": [{"id": i, "content": text, "special": True} for text, i in SPECIAL.items()],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps} if digits else level,
        "model": {
            "type": "BPE",
            "vocab": {spell(raw): i for i, raw in enumerate(v.tokens) if i not in v.specials},
            "merges": [f"{spell(left)} {spell(right)}" for left, right in v.merges],
        },
    }  # fmt: skip


def split(pattern: str, behavior: str = "Isolated") -> dict[str, Any]:
    """A pre-tokenizer of one regular expression."""
    steps = [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior},
        {"type": "ByteLevel", "use_regex": False},
    ]
    return {"type": "Sequence", "pretokenizers": steps}


def template(text: str, number: int) -> dict[str, Any]:
    """A post-processor that puts a token first."""
    return {
        "type": "Sequence",
        "processors": [
            {"type": "ByteLevel"},
            {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": text, "type_id": 0}}, {"Sequence": {"id": "A"}}],
                "special_tokens": {text: {"id": text, "ids": [number], "tokens": [text]}},
            },
        ],
    }


@pytest.fixture(params=["gpt2", "llama", "qwen2"])
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    if request.param == "gpt2":
        return tiny_checkpoint("gpt2", TOY_VOCABULARY)
    found = tiny_checkpoint("llama", TOY_VOCABULARY)
    weights, rng = dict(found.weights), np.random.Generator(np.random.PCG64(2))
    if request.param == "llama":
        weights["head"] = rng.standard_normal(weights["embedding"].shape, np.float32)
        return replace(found, weights=weights)
    for name in [f"{n}.{part}" for n in range(2) for part in "qkv"]:
        weights[f"{name}.bias"] = rng.standard_normal(len(weights[name]), np.float32)
    return replace(found, weights=weights, architecture=replace(found.architecture, family="qwen2"))


@pytest.fixture
def llama() -> Checkpoint:
    return tiny_checkpoint("llama", TOY_VOCABULARY)


def write_folder(
    place: Path,
    checkpoint: Checkpoint,
    changes: dict[str, Any] | None = None,
    more: dict[str, Array] | None = None,
    token_changes: dict[str, Any] | None = None,
) -> Path:
    """The folder of a checkpoint, with fields and tensors changed or added."""
    folder = place / "Toy-Model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config(checkpoint) | (changes or {})))
    (folder / "tokenizer.json").write_text(
        json.dumps(tokenizer(TOY_VOCABULARY.digits) | (token_changes or {}))
    )
    save_file(tensors(checkpoint) | (more or {}), folder / "model.safetensors")
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return partial(write_folder, tmp_path)


def test_a_directory_is_read_as_it_was_written(checkpoint: Checkpoint, write: Write) -> None:
    found = read_checkpoint(write(checkpoint))
    assert found.architecture == checkpoint.architecture
    assert found.weights.keys() == checkpoint.weights.keys()
    assert all(np.array_equal(found.weights[name], w) for name, w in checkpoint.weights.items())
    assert all(w.dtype == np.float32 for w in found.weights.values())
    assert (found.name, found.vocabulary) == ("toy-model", TOY_VOCABULARY)
    assert (found.end_ids, found.special_tokens) == ((0, 260), SPECIAL)


def test_brain_floats_and_shards_are_read(llama: Checkpoint, write: Write) -> None:
    folder = write(llama)
    whole = tensors(llama)
    half = {name: w.astype(ml_dtypes.bfloat16) for name, w in whole.items()}
    first = dict(list(half.items())[:5])
    save_file(first, folder / "model-1.safetensors")
    save_file({name: w for name, w in half.items() if name not in first}, folder / "model-2.safetensors")
    (folder / "model.safetensors").unlink()
    found = read_checkpoint(folder).weights["0.up"]
    assert np.array_equal(found, llama.weights["0.up"].astype(ml_dtypes.bfloat16).astype(np.float32))


@pytest.mark.parametrize("older", ["vocab.json", "tokenizer.model"])
def test_an_older_tokenizer_says_how_to_convert_it(llama: Checkpoint, write: Write, older: str) -> None:
    folder = write(llama)
    (folder / "tokenizer.json").rename(folder / older)
    with pytest.raises(
        SourceError, match=rf"tokenizer\.json: not found; write it from {older} with transformers"
    ):
        read_checkpoint(folder)


def test_rows_without_a_token_get_a_name(llama: Checkpoint, write: Write) -> None:
    more = replace(
        llama,
        architecture=replace(llama.architecture, vocabulary=263),
        weights={**llama.weights, "embedding": np.ones((263, 64), np.float32)},
    )
    found = read_checkpoint(write(more)).vocabulary
    assert found.tokens[261:] == (b"<|unused 261|>", b"<|unused 262|>")
    assert found.specials == {0, 260, 261, 262}


def test_declared_ends_and_the_chat_template_are_read(llama: Checkpoint, write: Write) -> None:
    folder = write(llama, {"eos_token_id": 7})
    (folder / "generation_config.json").write_text('{"eos_token_id": [7, 9]}')
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    found = read_checkpoint(folder)
    assert (found.end_ids, found.chat_template) == ((0, 7, 9, 260), "{{ messages }}")
    (folder / "chat_template.jinja").write_text("apart")
    assert read_checkpoint(folder).chat_template == "apart"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model_type": "mamba"}, "model_type 'mamba'; supported are .*llama"),
        ({"sliding_window": 128}, "uses sliding window attention"),
        ({"layer_types": ["full_attention", "conv"]}, "layer 1 is of the kind conv, which is not supported"),
        ({"attention_sinks": 4}, "the field attention_sinks, which is 4, is not known here"),
        ({"clip_qkv": 8.0}, "uses clamped queries, keys and values"),
        ({"num_local_experts": 8}, "uses mixture of experts"),
        ({"rope_scaling": {"rope_type": "yarn"}}, "the field original_max_position_embeddings is missing"),
        ({"rope_scaling": {"type": "new"}}, "uses rotary positions of the kind new, which is not supported"),
        ({"rope_parameters": {"rope_type": "llama3"}}, "the field factor is missing"),
        (
            {"rope_scaling": {"rope_type": "linear", "factor": 2.0, "by": 1}},
            "the field by, which is 1, is not known",
        ),
        ({"rope_scaling": "yarn"}, "rope_scaling is 'yarn', expected an object"),
        ({"num_experts": 4}, "uses mixture of experts"),
        ({"eos_token_id": True}, "eos_token_id is True, expected token ids"),
        ({"eos_token_id": [0, None]}, r"eos_token_id is \[0, None\], expected token ids"),
        ({"eos_token_id": -1}, "eos_token_id is -1, expected token ids"),
        ({"num_attention_heads": None}, "the field num_attention_heads is missing"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0, expected a positive integer"),
        ({"num_attention_heads": 3}, "the width 64 does not divide by 3 heads"),
        ({"num_attention_heads": 8}, r"the weight 0.k has shape \(32, 64\), expected \(16, 64\)"),
        ({"num_key_value_heads": "2"}, "num_key_value_heads is '2', expected a positive integer"),
        ({"head_dim": True}, "head_dim is True, expected a positive integer"),
        ({"max_position_embeddings": None}, "the field max_position_embeddings is missing"),
        ({"intermediate_size": 64}, r"the weight 0.gate has shape \(128, 64\), expected \(64, 64\)"),
        ({"vocab_size": 300}, r"the weight embedding has shape \(261, 64\), expected \(300, 64\)"),
        ({"rms_norm_eps": "small"}, "rms_norm_eps is 'small', expected a number"),
        ({"eos_token_id": 999}, "eos_token_id is 999, expected token ids"),
        ({"eos_token_id": ["</s>"]}, r"eos_token_id is \['</s>'\], expected token ids"),
        ({"hidden_act": "mish"}, "uses the activation mish"),
        ({"quantization_config": {}}, "uses quantized weights"),
        ({"hidden_size": None}, "the field hidden_size is missing"),
        ({"tie_word_embeddings": False}, "the tensor lm_head.weight is missing"),
        ({"num_hidden_layers": 3}, r"the tensor layers\.2\.input_layernorm\.weight is missing"),
    ],
)
def test_what_cannot_be_expressed_is_named(
    llama: Checkpoint, write: Write, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SourceError, match=reason):
        read_checkpoint(write(llama, changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"activation_function": "mish"}, "uses the activation mish"),
        ({"scale_attn_by_inverse_layer_idx": True}, "uses attention scaled by the layer's number"),
        ({"scale_attn_weights": False}, "uses attention without scale"),
        ({"add_cross_attention": True}, "uses cross attention"),
        ({"n_head": 0}, "n_head is 0, expected a positive integer"),
        ({"n_head": 5}, "the width 64 does not divide by 5 heads"),
        ({"n_positions": 256}, r"the weight positions has shape \(512, 64\), expected \(256, 64\)"),
    ],
)
def test_variants_of_gpt2_are_named(write: Write, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read_checkpoint(write(tiny_checkpoint("gpt2", TOY_VOCABULARY), changes))


def test_a_tensor_without_a_use_is_named(llama: Checkpoint, write: Write) -> None:
    more = {"model.layers.0.self_attn.q_norm.weight": np.ones(16, np.float32)}
    with pytest.raises(SourceError, match=r"layers\.0\.self_attn\.q_norm\.weight"):
        read_checkpoint(write(llama, more=more))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"[]x"])
def test_a_missing_or_damaged_file_is_one_line(
    llama: Checkpoint, write: Write, name: str, content: bytes | None
) -> None:
    folder = write(llama)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read_checkpoint(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
