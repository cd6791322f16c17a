"""Checkpoints from Hugging Face directories: GPT-2, Llama and Qwen2 shapes, without torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.checkpoint.architecture import Architecture, Checkpoint
from models.errors import SourceError
from models.sources.fields import Fields, read_json
from models.sources.hugging_face_weights import read_weights
from models.sources.shapes import check_shapes
from models.sources.tokenizer_json import read_tokenizer


def read_hugging_face(folder: Path) -> Checkpoint:
    """Load `config.json`, `*.safetensors` and `tokenizer.json`.

    Raises:
        SourceError: A file is missing or damaged, or the model uses a feature that cannot be expressed.
    """
    config = read_json(folder / "config.json")
    family = config.text("model_type")
    readers: dict[str, Callable[[Fields], Architecture]] = {
        "gpt2": _gpt2_architecture,
        "llama": _llama_architecture,
        "qwen2": _llama_architecture,
    }
    if family not in readers:
        known = ", ".join(sorted(readers))
        raise SourceError(f"{folder}: model_type {family!r}; supported are {known}")
    arch = readers[family](config)
    tokenizer = read_tokenizer(folder, arch.vocabulary)
    weights = read_weights(folder, arch)
    if config.get("tie_word_embeddings", family == "gpt2"):
        weights.pop("head", None)
    elif "head" not in weights:
        raise SourceError(f"{folder}: the tensor lm_head.weight is missing")
    check_shapes(folder, arch, weights)
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
        start_id=tokenizer.start_id,
    )


def _gpt2_architecture(config: Fields) -> Architecture:
    activation = config.text("activation_function", "gelu_new")
    config.refuse(
        {
            f"the activation {activation}": activation not in ("gelu_new", "gelu_pytorch_tanh"),
            "attention scaled by the layer's number": config.get("scale_attn_by_inverse_layer_idx", False),
            "attention without scale": not config.get("scale_attn_weights", True),
            "cross attention": config.get("add_cross_attention", False),
        }
    )
    width, heads = config.count("n_embd"), config.count("n_head")
    return Architecture(
        family="gpt2",
        layers=config.count("n_layer"),
        width=width,
        heads=heads,
        kv_heads=heads,
        head_size=config.head_size("n_embd", "n_head"),
        hidden=config.count("n_inner", 4 * width),
        vocabulary=config.count("vocab_size"),
        context_length=config.count("n_positions"),
        norm="layer",
        norm_epsilon=config.number("layer_norm_epsilon", 1e-5),
        positions="learned",
        rope_base=0.0,
        mlp="gelu",
    )


def _llama_architecture(config: Fields) -> Architecture:
    rope = config.object("rope_scaling") or config.object("rope_parameters")
    scaling = rope.get("rope_type", rope.get("type", "default"))
    sliding = config.get("use_sliding_window", "sliding_window" in config)
    experts = any(config.get(name, 0) for name in ("num_experts", "num_local_experts", "n_routed_experts"))
    activation = config.text("hidden_act", "silu")
    config.refuse(
        {
            "sliding window attention": bool(sliding),
            "mixture of experts": experts,
            f"scaled rotary positions ({scaling})": scaling != "default",
            "partly rotated heads": config.number("partial_rotary_factor", 1.0) != 1.0,
            f"the activation {activation}": activation != "silu",
            "quantized weights": "quantization_config" in config,
        }
    )
    heads = config.count("num_attention_heads")
    if "head_dim" in config:
        head_size = config.count("head_dim")
    else:
        head_size = config.head_size("hidden_size", "num_attention_heads")
    base = Fields(config.path, rope).number("rope_theta", 10_000.0)
    return Architecture(
        family="llama" if config.text("model_type") == "llama" else "qwen2",
        layers=config.count("num_hidden_layers"),
        width=config.count("hidden_size"),
        heads=heads,
        kv_heads=config.count("num_key_value_heads", heads),
        head_size=head_size,
        hidden=config.count("intermediate_size"),
        vocabulary=config.count("vocab_size"),
        context_length=config.count("max_position_embeddings"),
        norm="rms",
        norm_epsilon=config.number("rms_norm_eps", 1e-6),
        positions="rope",
        rope_base=config.number("rope_theta", base),
        mlp="swiglu",
    )


def _declared_ends(folder: Path, config: Fields) -> set[int]:
    """Tokens that end a text, from both files that may name them.

    Raises:
        SourceError: One is no token.
    """
    files = [config]
    if (folder / "generation_config.json").exists():
        files.append(read_json(folder / "generation_config.json"))
    found = set[int]()
    for fields in files:
        ids = fields.get("eos_token_id", [])
        for i in ids if isinstance(ids, list) else [ids]:
            if not isinstance(i, int) or not 0 <= i < config.count("vocab_size"):
                raise SourceError(f"{fields.path}: eos_token_id is {ids!r}, expected token ids")
            found.add(i)
    return found
