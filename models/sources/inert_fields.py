"""Fields of a `config.json` that change nothing that is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INERT = frozenset(
    [
        "architectures",
        "auto_map",
        "torch_dtype",
        "dtype",
        "transformers_version",
        "use_cache",
        "model_type",
        "_name_or_path",
        "name_or_path",
        "initializer_range",
        "initializer_factor",
        "init_std",
        "init_device",
        "embedding_initializer_range",
        "layerdrop",
        "task_specific_params",
        "id2label",
        "label2id",
        "problem_type",
        "output_attentions",
        "output_hidden_states",
        "return_dict",
        "gradient_checkpointing",
        "pretraining_tp",
        "tokenizer_class",
        "torchscript",
        "use_bfloat16",
        "is_decoder",
        "chunk_size_feed_forward",
        "scale_attention_softmax_in_fp32",
        "attention_softmax_in_fp32",
        "slow_but_exact",
        "reorder_and_upcast_attn",
        "attn_implementation",
        "_attn_implementation",
        "_attn_implementation_autoset",
        "_flash_attn_2_enabled",
        "use_flash_attn",
        "unsloth_version",
        "unsloth_fixed",
        "transformers.js_config",
        "is_llama_config",
        "cache_implementation",
        "output_router_logits",
        "router_aux_loss_coef",
        "init_method",
        "attention_bias",
        "attention_out_bias",
        "mlp_bias",
        "use_bias",
        "use_qkv_bias",
        "bias",
        "enable_bias",
        "no_bias",
        "layer_norm_elementwise_affine",
        "num_experts_per_tok",
        "time_step_limit",
        "multi_query",
        "new_decoder_architecture",
        "max_window_layers",
        "sliding_window_pattern",
        "_sliding_window_pattern",
        "no_rope_layer_interval",
        "model_max_length",
        "attention_types",
        "attention_layers",
        "window_size",
        "parallel_attn",
        "num_ln_in_parallel_attn",
        "learned_pos_emb",
    ]
)
"""Fields that change nothing that is computed here: training, other tools, and what is said elsewhere too."""

EXPECTED = {
    "normalization_function": "rmsnorm",
    "norm_type": "low_precision_layernorm",
    "embedding_fraction": 1.0,
    "rotary": True,
    "rope_interleaved": False,
}
"""Fields with one value that is understood."""

INERT_ENDINGS = ("_token_id", "dropout", "_pdrop", "_dropout_prob")
INERT_BEGINNINGS = ("summary_", "classifier_", "mamba_")


def inert(values: Mapping[str, Any]) -> set[str]:
    """Those of the given fields that may be there unread."""
    found = {name for name in values if name.endswith(INERT_ENDINGS) or name.startswith(INERT_BEGINNINGS)}
    found |= {name for name, value in EXPECTED.items() if values.get(name) == value}
    return found | (INERT & values.keys())
