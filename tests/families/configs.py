"""Small configurations of the families of models: what each has of its own, two to six layers, width 64."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]

SMALL: Config = {
    "vocab_size": 261,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 260,
    "pad_token_id": 0,
}
GPT: Config = {
    "vocab_size": 261,
    "n_embd": 64,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 256,
    "bos_token_id": 0,
    "eos_token_id": 260,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
LONG = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0, 1.1, 1.3, 1.5, 1.7, 1.9, 2.1, 2.5],
    "long_factor": [2.0] * 8,
    "original_max_position_embeddings": 128,
    "factor": 2.0,
}


def small(kind: str, **changes: Any) -> Config:
    """A configuration in the common names; a value of None leaves the field out."""
    merged = {"model_type": kind, **SMALL, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def gpt(kind: str, **changes: Any) -> Config:
    """A configuration in GPT-2's names."""
    return {"model_type": kind, **GPT, **changes}


CONFIGS: dict[str, Config] = {
    "llama": small("llama", rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    "llama, tied, biased": small("llama", tie_word_embeddings=True, attention_bias=True, mlp_bias=True),
    "llama 3.2": small("llama", rope_parameters=LLAMA3, tie_word_embeddings=True, head_dim=32),
    "llama, linear": small(
        "llama", rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}
    ),
    "llama, dynamic": small(
        "llama", rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}
    ),
    "llama, yarn": small("llama", rope_parameters=YARN),
    "mistral": small("mistral", sliding_window=None),
    "mistral, window": small("mistral", sliding_window=16, head_dim=32),
    "ministral": small(
        "ministral", head_dim=16, sliding_window=16, layer_types=["sliding_attention", "full_attention"]
    ),
    "ministral 3": small(
        "ministral3",
        head_dim=16,
        rope_parameters={
            **YARN,
            "mscale": 1.0,
            "mscale_all_dim": 1.0,
            "beta_fast": 32.0,
            "beta_slow": 1.0,
            "llama_4_scaling_beta": 0.1,
        },
    ),
    "qwen2": small("qwen2", tie_word_embeddings=True),
    "qwen2, window": small("qwen2", use_sliding_window=True, sliding_window=16, max_window_layers=1),
    "qwen3": small("qwen3", head_dim=32, tie_word_embeddings=True),
    "gemma": small("gemma", head_dim=32),
    "gemma2": small("gemma2", head_dim=32, sliding_window=16, query_pre_attn_scalar=24),
    "gemma3": small(
        "gemma3_text", head_dim=32, sliding_window=16, query_pre_attn_scalar=24, num_hidden_layers=6
    ),
    "gemma2, scaled by heads": small("gemma2", head_dim=32, sliding_window=16, query_pre_attn_scalar=32),
    "gemma3, scaled by heads": small(
        "gemma3_text", head_dim=32, sliding_window=16, query_pre_attn_scalar=32, num_hidden_layers=6
    ),
    "gemma3, scaled": small(
        "gemma3_text",
        query_pre_attn_scalar=32,
        head_dim=32,
        sliding_window=16,
        num_hidden_layers=6,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
        },
    ),
    "vaultgemma": small("vaultgemma", head_dim=32, sliding_window=16),
    "phi": small("phi", num_key_value_heads=None, partial_rotary_factor=0.5),
    "phi, normed": small("phi", num_key_value_heads=None, qk_layernorm=True),
    "phi3": small("phi3", sliding_window=16),
    "phi4 mini": small(
        "phi3",
        tie_word_embeddings=True,
        hidden_size=96,
        num_attention_heads=4,
        rope_parameters={**LONG, "partial_rotary_factor": 0.67},
        original_max_position_embeddings=128,
    ),
    "smollm3": small("smollm3", num_hidden_layers=4),
    "granite": small(
        "granite",
        embedding_multiplier=12.0,
        logits_scaling=4.0,
        residual_multiplier=0.22,
        attention_multiplier=0.1,
        tie_word_embeddings=True,
    ),
    "granite, untied": small("granite", embedding_multiplier=6.0, logits_scaling=2.0, attention_bias=True),
    "granite 4": small(
        "granitemoehybrid",
        num_local_experts=0,
        num_experts_per_tok=0,
        layer_types=["full_attention"] * 2,
        shared_intermediate_size=96,
        embedding_multiplier=12.0,
        attention_multiplier=0.1,
        residual_multiplier=0.22,
        logits_scaling=3.0,
        position_embedding_type="rope",
    ),
    "granite 4 without positions": small(
        "granitemoehybrid",
        num_local_experts=0,
        num_experts_per_tok=0,
        layer_types=["full_attention"] * 2,
        shared_intermediate_size=96,
        attention_multiplier=0.1,
    ),
    "hyperclovax": small(
        "hyperclovax", logits_scaling=0.5, residual_multiplier=0.5, embedding_multiplier=3.0
    ),
    "olmo": small("olmo", rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    "olmo2": small("olmo2"),
    "olmo3": small("olmo3", sliding_window=16, num_hidden_layers=4),
    "starcoder2": small("starcoder2", sliding_window=16),
    "stablelm": small("stablelm", use_qkv_bias=True),
    "stablelm 2 12B": small("stablelm", use_parallel_residual=True, qk_layernorm=True),
    "cohere": small("cohere", logit_scale=0.25),
    "cohere, normed": small("cohere", logit_scale=0.25, use_qk_norm=True),
    "cohere2": small(
        "cohere2", head_dim=16, sliding_window=16, num_hidden_layers=4, logit_scale=0.25, rotary_pct=1.0
    ),
    "exaone": small("exaone", rope_parameters=LLAMA3),
    "exaone4": small("exaone4", layer_types=["full_attention"] * 2) | {"sliding_window": None},
    "exaone4, window": small("exaone4", sliding_window=16, num_hidden_layers=4),
    "ernie4_5": small("ernie4_5", head_dim=32),
    "hunyuan": small(
        "hunyuan_v1_dense",
        max_position_embeddings=32768,
        head_dim=32,
        rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "alpha": 1000.0, "factor": 1.0},
    ),
    "seed_oss": small("seed_oss", head_dim=16),
    "arcee": small("arcee", head_dim=16, rope_parameters=YARN),
    "apertus": small("apertus"),
    "helium": small("helium", head_dim=16),
    "internlm3": small("internlm3", head_dim=16),
    "iquestcoder": small("iquestcoder", head_dim=16),
    "cwm": small("cwm", head_dim=16, sliding_window=16, num_hidden_layers=4),
    "nemotron": small("nemotron", head_dim=16),
    "jais2": small("jais2", head_dim=16),
    "glm": small("glm", head_dim=16),
    "glm4": small("glm4", head_dim=16),
    "nanochat": small("nanochat"),
    "persimmon": small("persimmon", num_key_value_heads=None),
    "gpt_neox": small("gpt_neox", num_key_value_heads=None),
    "gpt_neox, sequential": small(
        "gpt_neox", num_key_value_heads=None, use_parallel_residual=False, rotary_pct=1.0
    ),
    "gptj": gpt("gptj", rotary_dim=8),
    "codegen": gpt("codegen", rotary_dim=8, n_ctx=256),
    "gpt_neo": {
        "model_type": "gpt_neo",
        "vocab_size": 261,
        "hidden_size": 64,
        "num_layers": 2,
        "num_heads": 4,
        "max_position_embeddings": 256,
        "window_size": 16,
        "attention_types": [[["global", "local"], 1]],
        "bos_token_id": 0,
        "eos_token_id": 260,
    },
    "gpt2": gpt("gpt2", n_ctx=256),
    "gpt_bigcode": gpt("gpt_bigcode"),
    "gpt_bigcode, many heads": gpt("gpt_bigcode", multi_query=False),
    "opt": small("opt", num_key_value_heads=None, intermediate_size=None, ffn_dim=96, word_embed_proj_dim=64),
    "bloom": {
        "model_type": "bloom",
        "vocab_size": 261,
        "hidden_size": 64,
        "n_layer": 2,
        "n_head": 4,
        "bos_token_id": 0,
        "eos_token_id": 260,
    },
    "bloom, six heads": {
        "model_type": "bloom",
        "vocab_size": 261,
        "hidden_size": 96,
        "n_layer": 2,
        "n_head": 6,
        "bos_token_id": 0,
        "eos_token_id": 260,
    },
    "mpt": {
        "model_type": "mpt",
        "vocab_size": 261,
        "d_model": 96,
        "n_layers": 2,
        "n_heads": 6,
        "max_seq_len": 256,
        "bos_token_id": 0,
        "eos_token_id": 260,
    },
    "falcon 7B": small(
        "falcon", num_key_value_heads=None, num_kv_heads=1, intermediate_size=None, ffn_hidden_size=96
    ),
    "falcon 40B": small(
        "falcon",
        num_key_value_heads=None,
        intermediate_size=None,
        new_decoder_architecture=True,
        num_kv_heads=2,
    ),
    "falcon 1B": small(
        "falcon",
        num_key_value_heads=None,
        intermediate_size=None,
        alibi=True,
        multi_query=False,
        parallel_attn=False,
        bias=True,
    ),
    "falcon 11B": small(
        "falcon",
        num_key_value_heads=None,
        intermediate_size=None,
        new_decoder_architecture=True,
        num_kv_heads=2,
        num_ln_in_parallel_attn=1,
    ),
}
"""By name. A window is shorter than the texts."""
