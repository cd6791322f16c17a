"""What distinguishes the families of Hugging Face's folders, a row each, for models/sources/config.py."""

from __future__ import annotations

from models.sources.family import (
    Family,
    always,
    but_every,
    by_no_rope_layers,
    from_the_window_layer_on,
    like,
    never,
    says,
    where_windows_are_missing,
)
from models.sources.layer_norm_families import LAYER_NORM_FAMILIES
from models.sources.tensor_names import (
    APERTUS,
    EXAONE,
    FC,
    GATE_UP,
    HEAD_NORMS,
    HEAD_TOP,
    NO_POST_NORMS,
    PLAIN_MLP,
    POST_NORMS,
    POST_ONLY,
    QKV,
)

LLAMA = Family(defaults={"rms_norm_eps": 1e-6})
INTERNLM = like(LLAMA, defaults={"rms_norm_eps": 1e-5, "head_dim": 128})
MISTRAL = like(LLAMA, sliding=always)
MISTRAL_OF_4096 = like(MISTRAL, defaults={"sliding_window": 4096})
QWEN2 = like(
    LLAMA,
    sliding=from_the_window_layer_on,
    defaults={"use_sliding_window": False, "sliding_window": 4096},
)
GEMMA = like(
    LLAMA,
    gain=1.0,
    root=True,
    defaults={"hidden_act": "gelu_pytorch_tanh", "tie_word_embeddings": True, "head_dim": 256},
)
GEMMA2 = like(
    GEMMA,
    names=POST_NORMS,
    post_norm=always,
    sliding=lambda fields, n: n % 2 == 0,
    defaults={
        "query_pre_attn_scalar": 256,
        "final_logit_softcapping": 30.0,
        "attn_logit_softcapping": 50.0,
        "sliding_window": 4096,
    },
)
GEMMA3 = like(
    GEMMA,
    names=POST_NORMS | HEAD_NORMS,
    post_norm=always,
    head_norm="head",
    sliding=but_every(6, "sliding_window_pattern", "_sliding_window_pattern"),
    plain_where_sliding=True,
    defaults={
        "query_pre_attn_scalar": 256,
        "sliding_window": 4096,
        "rope_theta": 1_000_000.0,
        "rope_local_base_freq": 10_000.0,
        "vocab_size": 262_208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "max_position_embeddings": 131_072,
    },
)
GRANITE = like(LLAMA, defaults={"attention_multiplier": 1.0})
OLMO2 = like(
    LLAMA,
    names=POST_ONLY | HEAD_NORMS,
    pre_norm=False,
    post_norm=always,
    head_norm="row",
    defaults={"rms_norm_eps": 1e-5},
)
GLM = like(
    LLAMA,
    names=GATE_UP,
    interleaved=True,
    defaults={"rms_norm_eps": 1.5625e-7, "partial_rotary_factor": 0.5, "head_dim": 128},
)

MINISTRAL_POSITIONS = {
    "rope_type": "yarn",
    "rope_theta": 1_000_000.0,
    "factor": 16.0,
    "original_max_position_embeddings": 16_384,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
    "llama_4_scaling_beta": 0.1,
}
"""Where a configuration says nothing of rotations."""


def _stretched(base: float, factor: float) -> dict[str, float | str]:
    """Llama 3.1's scaling, where a configuration that says nothing of rotations means it."""
    return {
        "rope_type": "llama3",
        "rope_theta": base,
        "factor": factor,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }


FAMILIES: dict[str, Family] = {
    "llama": LLAMA,
    "exaone": like(
        LLAMA, names=EXAONE, top=HEAD_TOP, layer="h", defaults={"rms_norm_eps": 1e-5, "rope_theta": 500_000.0}
    ),
    "internlm3": INTERNLM,
    "iquestcoder": INTERNLM,
    "seed_oss": like(LLAMA, defaults={"head_dim": 128}),
    "helium": like(
        LLAMA,
        interleaved=True,
        defaults={"rms_norm_eps": 1e-8, "rope_theta": 100_000.0, "head_dim": 128},
    ),
    "ernie4_5": like(
        LLAMA,
        interleaved=True,
        defaults=INTERNLM.defaults | {"tie_word_embeddings": True, "rope_theta": 500_000.0},
    ),
    "arcee": like(
        LLAMA, names=PLAIN_MLP, gated=False, defaults={"rms_norm_eps": 1e-5, "hidden_act": "relu2"}
    ),
    "apertus": like(
        LLAMA,
        names=APERTUS | HEAD_NORMS,
        gated=False,
        head_norm="head",
        defaults={
            "rms_norm_eps": 1e-5,
            "hidden_act": "xielu",
            "rope_theta": 12_000_000.0,
            "rope_parameters": _stretched(12_000_000.0, 8.0),
        },
    ),
    "cwm": like(
        LLAMA,
        sliding=lambda fields, n: n % 4 != 0,
        defaults={
            "rms_norm_eps": 1e-5,
            "sliding_window": 8192,
            "head_dim": 128,
            "rope_theta": 1_000_000.0,
            "rope_parameters": _stretched(1_000_000.0, 16.0),
        },
    ),
    "mistral": MISTRAL_OF_4096,
    "ministral": MISTRAL_OF_4096,
    "ministral3": like(
        MISTRAL, defaults={"rms_norm_eps": 1e-5, "head_dim": 128, "rope_parameters": MINISTRAL_POSITIONS}
    ),
    "phi3": like(MISTRAL, names=QKV | GATE_UP, defaults={"rms_norm_eps": 1e-5}),
    "starcoder2": like(
        MISTRAL,
        names={"gate": None, "up": "mlp.c_fc", "down": "mlp.c_proj"},
        norm="layer",
        gated=False,
        defaults={
            "rms_norm_eps": None,
            "norm_epsilon": 1e-5,
            "hidden_act": "gelu_pytorch_tanh",
            "tie_word_embeddings": True,
        },
    ),
    "qwen2": QWEN2,
    "qwen3": like(QWEN2, names=HEAD_NORMS, head_norm="head", defaults={"head_dim": 128}),
    "smollm3": like(
        QWEN2,
        sliding=lambda fields, n: by_no_rope_layers(fields, n, 0),
        straight=by_no_rope_layers,
        defaults={"tie_word_embeddings": True, "rope_theta": 2_000_000.0, "sliding_window": None},
    ),
    "hunyuan_v1_dense": like(
        LLAMA,
        names={"q_norm": "self_attn.query_layernorm", "k_norm": "self_attn.key_layernorm"},
        head_norm="head",
        has_head_norm=says("use_qk_norm", True),
        head_norm_last=True,
        defaults={"rms_norm_eps": 1e-5},
    ),
    "gemma": like(GEMMA, activations={"gelu": "gelu_pytorch_tanh"}),
    "gemma2": GEMMA2,
    "vaultgemma": like(GEMMA2, names=NO_POST_NORMS, post_norm=never),
    "gemma3_text": GEMMA3,
    "gemma3": GEMMA3,
    "granite": GRANITE,
    "granitemoehybrid": like(
        GRANITE,
        names={**GATE_UP, "gate_up": "shared_mlp.input_linear", "down": "shared_mlp.output_linear"},
        straight=lambda fields, n, window: fields.get("position_embedding_type", "") != "rope",
        defaults={"num_local_experts": 8},
    ),
    "hyperclovax": like(
        LLAMA, names={"post1": "post_norm1", "post2": "post_norm2"}, post_norm=says("use_post_norm", True)
    ),
    "olmo2": OLMO2,
    "olmo3": like(
        OLMO2,
        sliding=but_every(4),
        plain_where_sliding=True,
        defaults={"sliding_window": 4096, "rope_theta": 500_000.0},
    ),
    "exaone4": like(
        OLMO2,
        head_norm="head",
        sliding=but_every(4, "sliding_window_pattern"),
        straight=where_windows_are_missing,
        defaults={"sliding_window": 4096},
    ),
    "glm": GLM,
    "glm4": like(
        GLM, names={"post1": "post_self_attn_layernorm", "post2": "post_mlp_layernorm"}, post_norm=always
    ),
    "nanochat": like(
        LLAMA,
        names=FC,
        gated=False,
        head_norm="head",
        head_norm_last=True,
        direction=-1.0,
        weightless=("norm1", "norm2", "final_norm", "embedding_norm", "q_norm", "k_norm"),
        defaults={"hidden_act": "relu2", "final_logit_softcapping": 15.0},
    ),
} | LAYER_NORM_FAMILIES
"""By `model_type`."""
