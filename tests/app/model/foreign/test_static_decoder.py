from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.foreign.static_decoder import check_operators, is_decoder, read_decoder
from app.model.kinds import StaticDecoder
from app.model.manifest import SignatureSpec, TensorSpec
from app.model.shape import ModelShape
from app.model.tables import GraphTables, Operator, read_tables
from tests.plugged import LENGTH, WIDTHS

PATH = Path("odd.tflite")


@pytest.fixture
def tables(decoder_path: Path) -> GraphTables:
    return read_tables(decoder_path)


def changed(tables: GraphTables, name: str, change: Callable[[SignatureSpec], SignatureSpec]) -> GraphTables:
    return replace(tables, signatures=tables.signatures | {name: change(tables.signatures[name])})


def test_the_sizes_of_a_decoder_are_read(tables: GraphTables) -> None:
    found = read_decoder(PATH, tables, 10, 99)
    shapes = {"k": (1, 2, LENGTH, 16), "v": (1, 2, 16, LENGTH)}
    caches = {f"kv_cache_{kind}_{n}": shapes[kind] for n in (0, 1) for kind in "kv"}
    assert found.decoder == StaticDecoder(10, 99, WIDTHS, caches)
    assert found.decoder.length == LENGTH
    assert found.shape == ModelShape(2, 2, 1, 16, vocabulary=261, sequence_length=LENGTH)


def test_a_start_takes_one_place(tables: GraphTables) -> None:
    found = read_decoder(PATH, tables, 0, 1, start_id=7)
    assert found.decoder.start_id == 7
    assert found.shape.sequence_length == LENGTH - 1


def test_a_decoder_is_known_by_its_signatures(tables: GraphTables) -> None:
    assert is_decoder(tables)
    assert is_decoder(replace(tables, signatures={"prefill": tables.signatures["prefill_8"]}))
    assert not is_decoder(replace(tables, signatures={"serving_default": tables.signatures["decode"]}))


@pytest.mark.parametrize("missing", ["decode", "prefill"])
def test_a_missing_signature_is_named(tables: GraphTables, missing: str) -> None:
    rest = {name: spec for name, spec in tables.signatures.items() if not name.startswith(missing)}
    with pytest.raises(ModelRefusedError) as refusal:
        read_decoder(PATH, replace(tables, signatures=rest), 0, 1)
    names = ", ".join(sorted(rest))
    assert str(refusal.value) == (
        f"odd.tflite: a decoder needs the signatures decode and prefill_N; it has {names}"
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("param_tensor", r"param_tensor \(parameter tensors\)$"),
        ("embeddings", r"embeddings \(an external embedder\)$"),
        ("mask_local", r"mask_local \(local masks\)$"),
        ("conv_state_0", "conv_state_0$"),
    ],
)
def test_an_input_that_is_not_understood_is_named(tables: GraphTables, name: str, what: str) -> None:
    def change(spec: SignatureSpec) -> SignatureSpec:
        more = {name: TensorSpec(shape=(1,), dtype="float32")}
        return spec.model_copy(update={"inputs": spec.inputs | more})

    with pytest.raises(ModelRefusedError, match=f"signature decode has inputs .* not understood: {what}"):
        read_decoder(PATH, changed(tables, "decode", change), 0, 1)


@pytest.mark.parametrize(("name", "signature"), [("mask", "prefill_8"), ("kv_cache_v_1", "prefill_32")])
def test_a_missing_input_is_named(tables: GraphTables, name: str, signature: str) -> None:
    def change(spec: SignatureSpec) -> SignatureSpec:
        rest = {key: value for key, value in spec.inputs.items() if key != name}
        return spec.model_copy(update={"inputs": rest})

    with pytest.raises(ModelRefusedError, match=f"signature {signature} lacks the inputs {name}"):
        read_decoder(PATH, changed(tables, signature, change), 0, 1)


def test_a_decoder_without_caches_is_refused(tables: GraphTables) -> None:
    def change(spec: SignatureSpec) -> SignatureSpec:
        rest = {key: value for key, value in spec.inputs.items() if not key.startswith("kv")}
        return spec.model_copy(update={"inputs": rest})

    with pytest.raises(ModelRefusedError, match="signature decode lacks the inputs kv_cache_k_0"):
        read_decoder(PATH, changed(tables, "decode", change), 0, 1)


def test_a_cache_must_be_returned(tables: GraphTables) -> None:
    def change(spec: SignatureSpec) -> SignatureSpec:
        rest = {key: value for key, value in spec.outputs.items() if key != "kv_cache_k_1"}
        return spec.model_copy(update={"outputs": rest})

    with pytest.raises(ModelRefusedError, match="signature prefill_8 does not return kv_cache_k_1"):
        read_decoder(PATH, changed(tables, "prefill_8", change), 0, 1)


@pytest.mark.parametrize(
    ("tensor", "found", "reason"),
    [
        ("mask", TensorSpec(shape=(1, 1, 1, LENGTH), dtype="bool"), "mask is bool .*, not float32"),
        ("tokens", TensorSpec(shape=(4, 1), dtype="int32"), r"tokens is int32 \[4, 1\], not int32 \[1, 1\]"),
        (
            "kv_cache_v_0",
            TensorSpec(shape=(1, 2, LENGTH, 16), dtype="float32"),
            r"not float32 \[1, 2, 16, 256\]",
        ),
        (
            "kv_cache_k_0",
            TensorSpec(shape=(2, LENGTH, 16), dtype="float32"),
            r"not \[1, heads, length, size\]",
        ),
    ],
)
def test_another_shape_or_type_is_refused(
    tables: GraphTables, tensor: str, found: TensorSpec, reason: str
) -> None:
    def change(spec: SignatureSpec) -> SignatureSpec:
        return spec.model_copy(update={"inputs": spec.inputs | {tensor: found}})

    with pytest.raises(ModelRefusedError, match=f"signature decode: .*{reason}"):
        read_decoder(PATH, changed(tables, "decode", change), 0, 1)


def test_logits_must_be_there(tables: GraphTables) -> None:
    def change(spec: SignatureSpec) -> SignatureSpec:
        rest = {key: value for key, value in spec.outputs.items() if key != "logits"}
        return spec.model_copy(update={"outputs": rest})

    with pytest.raises(ModelRefusedError, match=r"decode answers logits of nothing \[\], not of float32"):
        read_decoder(PATH, changed(tables, "decode", change), 0, 1)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["FlexRegexSplitV2", "FlexAdd"], r"\(FlexAdd, FlexRegexSplitV2\) that need the Flex delegate"),
        (["DISPATCH_OP"], "compiled for another accelerator; export it for the CPU"),
        (["GenAiKvCache", "Known"], "custom operators that are not known: GenAiKvCache$"),
    ],
)
def test_custom_operators_are_named(tables: GraphTables, names: list[str], reason: str) -> None:
    operators = tables.operators | {Operator(name, 1, True) for name in names}
    with pytest.raises(ModelRefusedError, match=reason):
        check_operators(PATH, replace(tables, operators=operators), frozenset({"Known"}))
