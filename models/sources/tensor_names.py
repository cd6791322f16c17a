"""What the tensors of a layer, and those around the layers, are called in Hugging Face's folders.

A name of None is a tensor that is not there; names with `|` between them are one or the other.
"""

from __future__ import annotations

LAYER: dict[str, str | None] = {
    "norm1": "input_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "norm2": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
TOP = {"embedding": "embed_tokens", "final_norm": "norm", "head": "lm_head"}
QKV = {"q": None, "k": None, "v": None, "qkv": "self_attn.qkv_proj"}
GATE_UP = {"gate": None, "up": None, "gate_up": "mlp.gate_up_proj"}
HEAD_NORMS = {"q_norm": "self_attn.q_norm", "k_norm": "self_attn.k_norm"}
POST_NORMS = {
    "post1": "post_attention_layernorm",
    "norm2": "pre_feedforward_layernorm",
    "post2": "post_feedforward_layernorm",
}
POST_ONLY = {"norm1": None, "norm2": None, "post1": "post_attention_layernorm", "post2": POST_NORMS["post2"]}
FC = {"gate": None, "up": "mlp.fc1", "down": "mlp.fc2"}
PLAIN_MLP = {"gate": None}
APERTUS = PLAIN_MLP | {"norm1": "attention_layernorm", "norm2": "feedforward_layernorm"}
NEOX = {
    "norm1": "input_layernorm",
    "qkv": "attention.query_key_value",
    "o": "attention.dense",
    "norm2": "post_attention_layernorm",
    "up": "mlp.dense_h_to_4h",
    "down": "mlp.dense_4h_to_h",
}
BLOOM = NEOX | {"qkv": "self_attention.query_key_value", "o": "self_attention.dense"}
GPT2 = {
    "norm1": "ln_1",
    "qkv": "attn.c_attn",
    "o": "attn.c_proj",
    "norm2": "ln_2",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
}
GPTJ = {
    "norm1": "ln_1",
    "q": "attn.q_proj",
    "k": "attn.k_proj",
    "v": "attn.v_proj",
    "o": "attn.out_proj",
    "up": "mlp.fc_in",
    "down": "mlp.fc_out",
}
GPT_NEO = {
    "norm1": "ln_1",
    "q": "attn.attention.q_proj",
    "k": "attn.attention.k_proj",
    "v": "attn.attention.v_proj",
    "o": "attn.attention.out_proj",
    "norm2": "ln_2",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
}
OPT = {
    "norm1": "self_attn_layer_norm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.out_proj",
    "norm2": "final_layer_norm",
    "up": "fc1",
    "down": "fc2",
}
MPT = {
    "norm1": "norm_1",
    "qkv": "attn.Wqkv",
    "o": "attn.out_proj",
    "norm2": "norm_2",
    "up": "ffn.up_proj",
    "down": "ffn.down_proj",
}
EXAONE = {
    "norm1": "ln_1",
    "q": "attn.attention.q_proj",
    "k": "attn.attention.k_proj",
    "v": "attn.attention.v_proj",
    "o": "attn.attention.out_proj",
    "norm2": "ln_2",
    "gate": "mlp.c_fc_0",
    "up": "mlp.c_fc_1",
    "down": "mlp.c_proj",
}
PHI = {
    "o": "self_attn.dense",
    "norm2": None,
    "q_norm": "self_attn.q_layernorm",
    "k_norm": "self_attn.k_layernorm",
}
PERSIMMON = PHI | {"qkv": "self_attn.query_key_value", "norm2": "post_attention_layernorm"}
CODEGEN = {"q": None, "k": None, "v": None, "qkv": "attn.qkv_proj", "o": "attn.out_proj"}
FALCON = BLOOM | {"norm1": "input_layernorm|ln_attn", "norm2": "post_attention_layernorm|ln_mlp"}
NO_POST_NORMS = {"post1": None, "post2": None}
OPT_TOP = {
    "embedding": "decoder.embed_tokens",
    "positions": "decoder.embed_positions",
    "final_norm": "decoder.final_layer_norm",
    "head": "lm_head",
}
BLOOM_TOP = {
    "embedding": "word_embeddings",
    "embedding_norm": "word_embeddings_layernorm",
    "final_norm": "ln_f",
    "head": "lm_head",
}
HEAD_TOP = {"embedding": "wte", "final_norm": "ln_f", "head": "lm_head"}
GPT2_TOP = {"embedding": "wte", "positions": "wpe", "final_norm": "ln_f", "head": "lm_head"}
