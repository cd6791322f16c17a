from __future__ import annotations

import hashlib
import io
import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from rich.console import Console

from app.model.manifest import read_manifest, verify_file
from app.model.tables import list_operators
from app.model.tokenizer import open_text_model
from models import build as pipeline
from models.build import build, write_model
from models.checkpoint.numpy_decoder import Reference
from models.checkpoint.rules import GPT2
from models.errors import BuildError
from models.graphs.baked_sampler import Sampler
from models.options import BuildOptions, Quantization
from models.progress import Stages
from models.quantization.constants import scale_queries
from models.tflite.graph import Model
from tests.tiny import (
    LLAMA,
    TOY_VOCABULARY,
    build_tiny,
    gguf_fields,
    gguf_tensors,
    tiny_checkpoint,
    write_gguf,
)

pytestmark = pytest.mark.slow

CHECKPOINT = replace(tiny_checkpoint("llama", TOY_VOCABULARY), chat_template="{{ messages }}")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "Toy.F32.gguf", gguf_fields(CHECKPOINT), gguf_tensors(CHECKPOINT))


@pytest.fixture(autouse=True)
def _text_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wheel is fetched."""
    monkeypatch.setattr(pipeline, "fetch_wheel", lambda name, folder: folder / f"{name}.whl")
    monkeypatch.setattr(pipeline, "extract_text_ops", lambda wheel, folder: {"ops.so": "ab" * 32})


def options(source: Path, **changes: Any) -> BuildOptions:
    output = source.parent / "out" / "toy.tflite"
    small = BuildOptions(source, output, 128, serving_window=40, serving_tokens=24, quality_tokens=0)
    return replace(small, **changes)


def stages() -> Stages:
    return Stages(4, Console(quiet=True))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_the_manifest_says_what_was_built(source: Path) -> None:
    manifest = build(options(source), stages())
    content = (source.parent / "out" / "toy.tflite").read_bytes()
    expected = {
        "format": 2,
        "id": "toy",
        "file": "toy.tflite",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "source": f"Toy.F32.gguf sha256:{hashlib.sha256(source.read_bytes()).hexdigest()}",
        "licence": "apache-2.0",
        "quantization": "dynamic",
        "target": "litert",
        "architecture": "llama",
        "parameters": sum(weight.size for weight in CHECKPOINT.weights.values()),
        "sequence_length": 128,
        "default_window": 64,
        "vocabulary_size": 261,
        "layers": 2,
        "heads": 4,
        "kv_heads": 2,
        "head_size": 16,
        "start_id": None,
        "end_ids": (0, 260),
        "chat_template": "{{ messages }}",
        "special_tokens": {"<|endoftext|>": 0, "<|im_end|>": 260},
        "named_tokens": {"eos_token": "<|im_end|>"},
        "token_strips": {},
        "infill_tokens": {},
        "sampling": {},
        "normalizer": None,
        "word_patterns": (r"\p{N}", GPT2),
        "prefix_space": False,
        "custom_ops": ("TFText>ByteSplitWithOffsets", "TFText>NgramsStringJoin"),
        "text_ops": {"ops.so": "ab" * 32},
        "quality": {},
        "serving": {"window": 40, "max_tokens": 24, "temperature": 0, "top_k": 0, "top_p": 1, "seed": 0},
    }
    found = manifest.model_dump()
    assert {name: found[name] for name in expected} == expected
    assert found.keys() - expected.keys() == {"signatures", "tools", "weight_bytes"}
    assert set(manifest.signatures) == {
        "decode",
        "start",
        "prefill",
        "extend",
        "tokenize",
        "detokenize",
        "tokenize_bytes",
        "pieces",
        "serving_default",
    }
    assert manifest.tools["tensorflow-text"] == "2.21.1"
    assert all(
        manifest.tools[tool] == version(tool) for tool in ("ai-edge-litert", "flatbuffers", "gguf", "numpy")
    )


def test_a_chat_template_that_cannot_be_parsed_ends_the_build(tmp_path: Path) -> None:
    fields = gguf_fields(CHECKPOINT) | {"tokenizer.chat_template": "{% if %}"}
    path = write_gguf(tmp_path / "Toy.F32.gguf", fields, gguf_tensors(CHECKPOINT))
    with pytest.raises(BuildError, match=r"^Toy\.F32\.gguf .*: the chat template, line 1: Expected an expr"):
        build(options(path), stages())
    assert names(tmp_path / "out") == []


def test_the_manifest_is_beside_the_file_and_fits_it(source: Path) -> None:
    manifest = build(options(source), stages())
    path = source.parent / "out" / "toy.tflite"
    assert names(path.parent) == ["toy.manifest.json", "toy.tflite"]
    assert read_manifest(path) == manifest
    verify_file(path, manifest)


def test_the_manifests_signatures_are_those_of_the_file(source: Path, text_ops: Path) -> None:
    manifest = build(options(source), stages())
    model = open_text_model(source.parent / "out" / "toy.tflite", text_ops, "litert")
    assert manifest.signatures == model.signatures()


def test_two_builds_give_one_file(source: Path) -> None:
    first = build(options(source), stages())
    second = build(options(source, output=source.parent / "again" / "toy.tflite"), stages())
    assert first == second


@pytest.mark.parametrize("quantize", ["none", "float16", "dynamic", "int8", "int4"])
@pytest.mark.parametrize("target", ["litert", "tflite-runtime"])
def test_a_file_has_builtin_and_tf_text_operators_only(source: Path, quantize: Any, target: Any) -> None:
    manifest = build(options(source, quantize=quantize, target=target), stages())
    assert (manifest.quantization, manifest.target) == (quantize, target)
    custom = {operator.name for operator in list_operators(options(source).output) if operator.custom}
    assert custom == set(manifest.custom_ops)
    assert all(name.startswith("TFText>") for name in custom)


@pytest.mark.parametrize("quantize", ["none", "float16", "dynamic", "int8", "int4"])
@pytest.mark.parametrize("target", ["litert", "tflite-runtime"])
def test_no_weight_is_stored_twice_and_every_signature_reads_it(
    source: Path, quantize: Any, target: Any
) -> None:
    manifest = build(options(source, quantize=quantize, target=target), stages())
    root = schema.Model.GetRootAs(options(source).output.read_bytes(), 0)
    buffers = [root.Buffers(n).DataAsNumpy() for n in range(root.BuffersLength())]
    large = {
        n: data.tobytes()
        for n, data in enumerate(buffers)
        if isinstance(data, np.ndarray) and data.size > 999
    }
    assert len(set(large.values())) == len(large)
    readers = {n: set[str]() for n in large}
    for n in range(root.SubgraphsLength()):
        graph = root.Subgraphs(n)
        for m in range(graph.TensorsLength()):
            if graph.Tensors(m).Buffer() in readers:
                readers[graph.Tensors(m).Buffer()].add(graph.Name().decode())
    decoders = {"decode", "prefill", "extend", "serving_default", "serving_body"}
    weights = [n for n, names in readers.items() if decoders <= names]
    matrices = 2 * (len(["qkv", "o", "up", "gate", "down"])) + 1
    assert len(weights) >= matrices
    assert sum(len(large[n]) for n in weights) == pytest.approx(manifest.weight_bytes, rel=0.2)


def test_the_weights_bytes_are_counted_once_at_their_width(source: Path) -> None:
    found = {q: build(options(source, quantize=q), stages()).weight_bytes for q in get_args(Quantization)}
    vectors = sum(weight.size for weight in CHECKPOINT.weights.values() if weight.ndim == 1)
    matrices = CHECKPOINT.parameters - vectors
    assert found["none"] == 4 * (matrices + vectors)
    assert found["float16"] == 2 * matrices + 4 * vectors
    assert matrices < found["dynamic"] < found["int8"] < found["float16"]  # scales, and what rotates
    assert found["int4"] < found["dynamic"]


def test_smaller_formats_make_smaller_files(source: Path) -> None:
    sizes = [build(options(source, quantize=q), stages()).bytes for q in ("none", "float16", "dynamic")]
    parameters = sum(weight.size for weight in CHECKPOINT.weights.values())
    assert sizes[0] - sizes[1] == pytest.approx(2 * parameters, rel=0.05)
    assert sizes[2] < sizes[1]


def test_every_stage_is_shown(source: Path) -> None:
    shown = io.StringIO()
    build(options(source, quantize="none"), Stages(4, Console(file=shown)))
    assert [line.split(" (")[0] for line in shown.getvalue().splitlines()] == [
        "[ 25 %] Read the checkpoint",
        "[ 50 %] Fetch the custom operators",
        "[ 75 %] Write the graphs",
        "[100 %] Save the file",
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sequence_length": 1}, "--sequence-length 1: the checkpoint permits 2 to 512"),
        ({"sequence_length": 513}, "--sequence-length 513: the checkpoint permits 2 to 512"),
        (
            {"serving_window": 0, "serving_tokens": 64},
            "serving_default: window and tokens must be at least 1",
        ),
        (
            {"serving_window": 64, "serving_tokens": 0},
            "serving_default: window and tokens must be at least 1",
        ),
        (
            {"serving_window": -64, "serving_tokens": 128},
            "serving_default: window and tokens must be at least 1",
        ),
        ({"serving_sampler": Sampler(1.0, -1)}, "--serving-top-k -1: 0, for all, or more is possible"),
        ({"serving_tokens": 25}, "serving_default: window and tokens together must be a multiple of 64"),
        (
            {"serving_window": 150, "serving_tokens": 42},
            "serving_default: window and tokens together exceed the sequence length 128",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_line(
    source: Path, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BuildError) as caught:
        build(options(source, **change), stages())
    assert str(caught.value) == reason
    assert names(source.parent / "out") == []


@pytest.mark.parametrize("change", [{"kv_heads": 3}, {"head_size": 15}])
def test_heads_that_do_not_divide_evenly_are_refused(source: Path, change: dict[str, int]) -> None:
    arch = replace(CHECKPOINT.architecture, **change)  # type: ignore[arg-type]
    with pytest.raises(BuildError, match="do not divide evenly"):
        write_model(replace(CHECKPOINT, architecture=arch), options(source))


def test_keys_that_cannot_be_written_in_place_are_refused(source: Path) -> None:
    arch = replace(CHECKPOINT.architecture, kv_heads=1, head_size=8)
    with pytest.raises(BuildError, match="1 key heads of 8: no multiple of 16"):
        write_model(replace(CHECKPOINT, architecture=arch), options(source))


def test_a_checkpoint_without_a_token_that_ends_a_text_is_refused(source: Path) -> None:
    with pytest.raises(BuildError, match="tiny-llama: the vocabulary has no token that ends a text"):
        write_model(replace(CHECKPOINT, end_ids=()), options(source))


@pytest.mark.parametrize("stage", ["pack", "save"])
def test_an_interrupted_build_leaves_nothing_under_the_final_names(
    source: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    if stage == "pack":
        monkeypatch.setattr(Model, "pack", interrupt)
    else:
        monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(options(source), stages())
    assert [name for name in names(source.parent / "out") if not name.startswith(".")] == []


def test_a_missing_checkpoint_is_refused(source: Path) -> None:
    with pytest.raises(BuildError, match=r"none\.gguf: not found"):
        build(options(source.with_name("none.gguf")), stages())


def test_without_a_source_the_default_weights_are_built(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def default(folder: Path) -> Any:
        asked.append(folder)
        return CHECKPOINT

    monkeypatch.setattr(pipeline, "default_checkpoint", default)
    assert build(replace(options(source), source=None), stages()).id == "tiny-llama"
    assert asked == [source.parent / "out" / "downloads"]


def test_attentions_scale_is_in_the_query_rows() -> None:
    weights = tiny_checkpoint("gpt2", TOY_VOCABULARY).weights
    scaled = scale_queries(weights, LLAMA)
    changed = {name for name in weights if not np.array_equal(scaled[name], weights[name])}
    assert changed == {"0.q", "0.q.bias", "1.q", "1.q.bias"}
    assert np.array_equal(scaled["1.q"], weights["1.q"] / 4)


def test_the_built_file_completes_as_its_source_does(source: Path, text_ops: Path) -> None:
    build(options(source, quantize="none"), stages())
    model = open_text_model(options(source).output, text_ops, "litert")
    ids = model.tokenize("the other")
    assert [TOY_VOCABULARY.tokens[i] for i in ids] == [b"the", b" ", b"o", b"the", b"r"]
    greedy = Reference(CHECKPOINT).greedy(ids, 24, CHECKPOINT.end_ids)
    assert model.complete("the other") == (b"the other" + model.detokenize(greedy)).decode(errors="replace")


@pytest.mark.parametrize("quantize", ["dynamic", "int8"])
def test_integers_lose_little_where_norms_stand_behind_layers(
    tmp_path: Path, text_ops: Path, quantize: Quantization
) -> None:
    arch = replace(CHECKPOINT.architecture, post_norm=True)
    gain = np.linspace(0.2, 1.2, arch.width, dtype=np.float32)
    behind = {f"{n}.{norm}": gain for n in range(arch.layers) for norm in ("post1", "post2")}
    checkpoint = replace(CHECKPOINT, architecture=arch, weights={**CHECKPOINT.weights, **behind})
    manifest = build_tiny(tmp_path, checkpoint, text_ops, quantize=quantize, quality_tokens=256).manifest
    assert float(manifest.quality["agreement"] or 0) > 0.9
