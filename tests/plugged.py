"""Model files as other tools make them, tiny: a litert-torch decoder, its container, a text-to-text file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
from litert_lm_builder import litertlm_header_schema_py_generated as schema
from litert_lm_builder.runtime.proto import executor_metadata_pb2, llm_metadata_pb2
from tokenizers import Tokenizer

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.vocabulary import Vocabulary
from models.evaluation.reference_tokenizer import make_oracle
from models.graphs.layers import Layers
from models.graphs.tokenizer import detokenize
from models.quantization.constants import Parameters, scale_queries
from models.quantization.rounding import Scheme
from models.tflite import ops
from models.tflite.graph import Graph, Model, Tensor
from tests.tiny import TOY_VOCABULARY, tiny_checkpoint

BLOCK = 16 * 1024

LENGTH = 256
WIDTHS = (8, 32)

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|endoftext|>' + message.role + ': ' + message.content + '\n' }}"
    "{% endfor %}assistant:"
)

Edit = Callable[[Any], None]


def nothing(_: Any) -> None:
    """Leave it as it is."""


def toy_checkpoint(seed: int = 1) -> Checkpoint:
    """A llama of two layers that knows every byte."""
    return tiny_checkpoint("llama", TOY_VOCABULARY, seed)


def write_decoder(path: Path, checkpoint: Checkpoint, *, mask_dtype: str = "float32") -> Path:
    """A decoder with the signatures of litert-torch."""
    model = Model("exported")
    arch = checkpoint.architecture
    parameters = Parameters(scale_queries(checkpoint.weights, arch), Scheme("float32", "float32"))
    layers = Layers(arch, parameters, LENGTH)
    for width in WIDTHS:
        _write_signature(model, layers, f"prefill_{width}", width, mask_dtype)
    _write_signature(model, layers, "decode", 1, mask_dtype)
    model.save(path)
    return path


def _write_signature(model: Model, layers: Layers, name: str, width: int, mask_dtype: str) -> None:
    a, g = layers.arch, model.subgraph(name)
    T, C, KV, G, HD = width, LENGTH, a.kv_heads, a.group, a.head_size
    tokens, positions = g.input("tokens", [1, T], "int32"), g.input("input_pos", [T], "int32")
    mask = g.input("mask", [1, 1, T, C], mask_dtype)
    mask = ops.reshape(mask if mask_dtype == "float32" else ops.cast(mask, "float32"), [1, T, 1, C])
    x = layers.embed(g, ops.reshape(tokens, [T]), positions)
    turns = layers.turns(g, positions)
    zero, start = g.constant([0], "int32"), ops.slice_(positions, [0], [1])
    for n in range(a.layers):
        keys = g.input(f"kv_cache_k_{n}", [1, KV, C, HD])
        values = g.input(f"kv_cache_v_{n}", [1, KV, HD, C])
        q, k, v = layers.project(g, n, x, turns)  # [T, heads, HD]
        k = ops.reshape(ops.transpose(k, [1, 0, 2]), [1, KV, T, HD])
        v = ops.reshape(ops.transpose(v, [1, 2, 0]), [1, KV, HD, T])
        keys = ops.dynamic_update_slice(keys, k, ops.concat([zero, zero, start, zero], 0))
        values = ops.dynamic_update_slice(values, v, ops.concat([zero, zero, zero, start], 0))
        g.output(f"kv_cache_k_{n}", keys)
        g.output(f"kv_cache_v_{n}", values)
        q = ops.transpose(ops.reshape(q, [T, KV, G, HD]), [1, 0, 2, 3])
        q = ops.reshape(q, [KV, T * G, HD])
        scores = ops.batch_matmul(q, ops.reshape(keys, [KV, C, HD]), transpose_b=True)
        scores = ops.softmax(ops.reshape(scores, [KV, T, G, C]) + mask)
        weights = ops.reshape(scores, [KV, T * G, C])
        o = ops.batch_matmul(weights, ops.reshape(values, [KV, HD, C]), transpose_b=True)
        o = ops.transpose(ops.reshape(o, [KV, T, G, HD]), [1, 0, 2, 3])
        x = layers.after_attention(g, n, x, ops.reshape(o, [T, a.heads * HD]))
    if name == "decode":
        g.output("logits", ops.reshape(layers.head(g, x), [1, 1, a.vocabulary]))
    model.signature(g)


def tokenizer_json(vocabulary: Vocabulary = TOY_VOCABULARY) -> str:
    """A vocabulary as the `tokenizers` package saves it."""
    tokenizer: Tokenizer = make_oracle(vocabulary)
    tokenizer.add_special_tokens([vocabulary.tokens[i].decode() for i in sorted(vocabulary.specials)])
    return tokenizer.to_str()


def toy_metadata(edit: Edit = nothing) -> bytes:
    """What the exporter says about a text model."""
    message = llm_metadata_pb2.LlmMetadata()
    message.start_token.token_str = "<|endoftext|>"
    message.stop_tokens.add().token_ids.ids.append(260)
    message.stop_tokens.add().token_str = ".<|im_end|>\n"
    message.max_num_tokens = LENGTH
    message.jinja_prompt_template = CHAT_TEMPLATE
    edit(message)
    data: bytes = message.SerializeToString()
    return data


def toy_executor(edit: Edit = nothing) -> bytes:
    """What the exporter says about caches and masks."""
    message = executor_metadata_pb2.ExecutorMetadata()
    executor = message.llm_executor_metadata
    for name, kind in (("kv_cache_k_0", 1), ("kv_cache_v_0", 2)):
        executor.state_buffers.add(decode_input_name=name, type=kind)
    edit(executor)
    data: bytes = message.SerializeToString()
    return data


Part = tuple[str, dict[str, str], bytes]
"""A section: its kind in the schema, its texts by key, its bytes."""


def parts(model: Path, /, **changes: Part | None) -> list[Part]:
    """The sections of a sound container by name, some of them exchanged, added or (None) left out."""
    content = tokenizer_json().encode()
    found: dict[str, Part | None] = {
        "metadata": ("LlmMetadataProto", {}, toy_metadata()),
        "executor": ("ExecutorMetadataProto", {}, toy_executor()),
        "tokenizer": ("HF_Tokenizer_Zlib", {}, struct.pack("<Q", len(content)) + zlib.compress(content)),
        "model": ("TFLiteModel", {"model_type": "tf_lite_prefill_decode"}, model.read_bytes()),
    }
    return [part for part in (found | changes).values() if part is not None]


def write_container(path: Path, sections: Sequence[Part], *, version: int = 1) -> Path:
    """A `.litertlm` of these sections, each on a block of its own."""

    def header() -> bytes:
        table = schema.SectionMetadataT(objects=[_object(*entry) for entry in entries])
        meta = schema.LiteRTLMMetaDataT(sectionMetadata=table)
        packer = flatbuffers.Builder(BLOCK)
        packer.Finish(meta.Pack(packer))
        return bytes(packer.Output())

    entries = [(kind, items, 1, 1) for kind, items, _ in sections]
    at, places = BLOCK * -(-(32 + len(header())) // BLOCK), []
    for _, _, data in sections:
        places.append((at, at + len(data)))
        at = BLOCK * -(-(at + len(data)) // BLOCK)
    entries = [(kind, items, *place) for (kind, items, _), place in zip(sections, places, strict=True)]
    packed = header()
    with path.open("wb") as file:
        file.write(b"LITERTLM" + struct.pack("<IIIIQ", version, 7, 0, 0, 32 + len(packed)) + packed)
        for (begin, _), (_, _, data) in zip(places, sections, strict=True):
            file.seek(begin)
            file.write(data)
    return path


def _object(kind: str, items: dict[str, str], begin: int, end: int) -> Any:
    pairs = [
        schema.KeyValuePairT(key=key, valueType=schema.VData.StringValue, value=schema.StringValueT(value))
        for key, value in items.items()
    ]
    number = getattr(schema.AnySectionDataType, kind)
    return schema.SectionObjectT(items=pairs, beginOffset=begin, endOffset=end, dataType=number)


def plugged(folder: Path) -> Path:
    """A sound container over the toy checkpoint."""
    decoder = write_decoder(folder / "decoder.tflite", toy_checkpoint())
    return write_container(folder / "toy.litertlm", parts(decoder))


def write_whole(path: Path, completion: bytes = b" the end", *, name: str = "serving_default") -> Path:
    """A text-to-text file that writes the same words behind every prompt."""
    model = Model("classic")
    g = model.subgraph(name)
    prompt = g.input("prompt", [1], "string")
    ids = [TOY_VOCABULARY.tokens.index(bytes([byte])) for byte in completion]
    g.output("output_0", detokenize(g, TOY_VOCABULARY, g.constant(ids, "int32"), after=prompt))
    model.signature(g)
    model.save(path)
    return path


def write_graph(path: Path, name: str, write: Callable[[Graph], Tensor]) -> Path:
    """A file with the one signature NAME() -> y."""
    model = Model("odd")
    g = model.subgraph(name)
    g.output("y", write(g))
    model.signature(g)
    model.save(path)
    return path
