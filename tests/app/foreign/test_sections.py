from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.foreign.sections import model_section, tokenizer_json
from tests.app.foreign.conftest import Pack
from tests.plugged import Part
from tests.plugged import tokenizer_json as toy_tokenizer


def model(path: Path, **items: str) -> Part:
    return ("TFLiteModel", {"model_type": "tf_lite_prefill_decode"} | items, path.read_bytes())


def test_the_model_and_its_tokenizer_are_found(pack: Pack) -> None:
    container = pack(extra=("GenericBinaryData", {}, b"ignored"))
    assert model_section(container) == container.of_kind("TFLiteModel")[0]
    assert tokenizer_json(container).decode() == toy_tokenizer()


@pytest.mark.parametrize("constraint", ["cpu", "gpu, cpu"])
def test_a_model_that_may_run_on_the_cpu_is_taken(pack: Pack, decoder_path: Path, constraint: str) -> None:
    container = pack(model=model(decoder_path, backend_constraint=constraint))
    assert model_section(container).kind == "TFLiteModel"


def test_a_model_for_another_accelerator_is_refused(pack: Pack, decoder_path: Path) -> None:
    container = pack(model=model(decoder_path, backend_constraint="npu"))
    with pytest.raises(ModelRefusedError, match=r"its model is for npu; this service runs on the CPU$"):
        model_section(container)


def test_models_beside_the_decoder_are_named(pack: Pack, decoder_path: Path) -> None:
    beside = {
        kind: model(decoder_path, model_type=f"tf_lite_{kind}") for kind in ("embedder", "vision_encoder")
    }
    with pytest.raises(
        ModelRefusedError, match=r"its decoder needs other models beside it \(embedder, vision_encoder\)"
    ):
        model_section(pack(**beside))


@pytest.mark.parametrize("count", [0, 2])
def test_there_must_be_one_decoder(pack: Pack, decoder_path: Path, count: int) -> None:
    container = pack(
        model=model(decoder_path) if count else None, other=model(decoder_path) if count else None
    )
    with pytest.raises(ModelRefusedError, match=f"has {count} decoders, not one"):
        model_section(container)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("SP_Tokenizer", "a SentencePiece tokenizer; a tokenizer.json is understood"),
        ("TFLiteWeights", "weights outside the model"),
        ("TtsMetadataProto", "a section TtsMetadataProto"),
    ],
)
def test_sections_that_are_not_understood_are_named(pack: Pack, kind: str, what: str) -> None:
    with pytest.raises(ModelRefusedError, match=f"has {what}, which is not understood"):
        model_section(pack(other=(kind, {}, b"x")))


def test_a_container_without_a_tokenizer_is_refused(pack: Pack) -> None:
    with pytest.raises(ModelRefusedError, match=r"toy\.litertlm: has no tokenizer$"):
        tokenizer_json(pack(tokenizer=None))


@pytest.mark.parametrize("data", [b"short", b"\1\0\0\0\0\0\0\0no zlib", b"\1\0\0\0\0\0\0\0x\x9c\3\0\0\0\0\1"])
def test_a_damaged_tokenizer_is_refused(pack: Pack, data: bytes) -> None:
    with pytest.raises(ModelRefusedError, match="the tokenizer's section is damaged"):
        tokenizer_json(pack(tokenizer=("HF_Tokenizer_Zlib", {}, data)))
