from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.foreign.container import Section, is_container, model_section, read_container, tokenizer_json
from tests.app.model.conftest import Pack
from tests.plugged import Part, parts, toy_metadata, write_container
from tests.plugged import tokenizer_json as toy_tokenizer


def test_sections_are_read_in_their_order(pack: Pack, decoder_path: Path) -> None:
    container = pack(executor=None, extra=("GenericBinaryData", {"for": "us"}, b"anything"))
    kinds = ["LlmMetadataProto", "HF_Tokenizer_Zlib", "TFLiteModel", "GenericBinaryData"]
    assert [section.kind for section in container.sections] == kinds
    metadata, _, model, extra = container.sections
    assert container.read(metadata) == toy_metadata()
    assert container.read(model) == decoder_path.read_bytes()
    assert model.items == {"model_type": "tf_lite_prefill_decode"}
    assert extra.items == {"for": "us"}
    assert container.of_kind("GenericBinaryData") == [extra]


def test_a_section_of_a_kind_that_is_too_new_has_its_number(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from litert_lm_builder import litertlm_header_schema_py_generated as schema

    monkeypatch.setattr(schema.AnySectionDataType, "Future", 99, raising=False)
    container = pack(extra=("Future", {}, b"x"))
    monkeypatch.delattr(schema.AnySectionDataType, "Future")
    assert read_container(container.path).sections[-1].kind == "of unknown type 99"


def test_a_container_is_known_by_its_name_or_its_first_bytes(pack: Pack, tmp_path: Path) -> None:
    path = pack().path
    assert is_container(path)
    assert is_container(path.rename(tmp_path / "other.bin"))
    assert is_container(tmp_path / "missing.litertlm")
    assert not is_container(tmp_path / "missing.tflite")
    (tmp_path / "text.tflite").write_bytes(b"text")
    assert not is_container(tmp_path / "text.tflite")


@pytest.mark.parametrize("content", [b"", b"LITERT", b"PK\x03\x04" + b"\0" * 100])
def test_another_file_under_that_name_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.litertlm"
    path.write_bytes(content)
    with pytest.raises(ModelRefusedError, match=r"not a \.litertlm container: it does not begin with"):
        read_container(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match=r"no\.litertlm: No such file or directory"):
        read_container(tmp_path / "no.litertlm")


def test_another_version_is_refused(decoder_path: Path, tmp_path: Path) -> None:
    path = write_container(tmp_path / "new.litertlm", parts(decoder_path), version=2)
    with pytest.raises(ModelRefusedError, match="a container of version 2; version 1 is understood"):
        read_container(path)


@pytest.mark.parametrize("size", [8, 31, 100])
def test_a_header_that_is_cut_short_is_refused(pack: Pack, size: int) -> None:
    path = pack().path
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ModelRefusedError, match="the container's header is damaged"):
        read_container(path)


def test_a_header_of_random_bytes_is_refused(pack: Pack) -> None:
    path = pack().path
    data = bytearray(path.read_bytes())
    data[32:120] = b"\xff" * 88
    path.write_bytes(data)
    with pytest.raises(ModelRefusedError, match="the container's header is damaged"):
        read_container(path)


def test_a_section_behind_the_end_of_the_file_is_refused(pack: Pack) -> None:
    container = pack()
    model: Section = container.sections[-1]
    container.path.write_bytes(container.path.read_bytes()[:-1])
    with pytest.raises(ModelRefusedError) as refusal:
        read_container(container.path)
    assert str(refusal.value) == (
        f"{container.path}: section TFLiteModel is bytes {model.begin} to {model.end}, the file has"
        f" {model.end - 1}: copied in part?"
    )


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
