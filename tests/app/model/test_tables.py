from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.manifest import TensorSpec
from app.model.tables import Operator, read_tables
from app.model.tokenizer import open_text_model
from tests.plugged import LENGTH, WIDTHS
from tests.tiny import TinyModel


def test_signatures_have_names_shapes_and_types(decoder_path: Path) -> None:
    tables = read_tables(decoder_path)
    assert set(tables.signatures) == {"decode", *(f"prefill_{width}" for width in WIDTHS)}
    decode = tables.signatures["decode"]
    assert decode.inputs["mask"] == TensorSpec(shape=(1, 1, 1, LENGTH), dtype="float32")
    assert decode.outputs["logits"] == TensorSpec(shape=(1, 1, 261), dtype="float32")
    assert decode.inputs["kv_cache_v_1"] == TensorSpec(shape=(1, 2, 16, LENGTH), dtype="float32")


def test_a_model_inside_a_file_is_read_as_if_it_were_alone(decoder_path: Path, tmp_path: Path) -> None:
    data, path = decoder_path.read_bytes(), tmp_path / "around"
    path.write_bytes(b"x" * 48 + data + b"y" * 10)
    assert read_tables(path, 48, 48 + len(data)) == read_tables(decoder_path)


def test_it_says_what_the_interpreter_says(tiny_model: TinyModel, text_ops: Path) -> None:
    tables = read_tables(tiny_model.path)
    assert tables.signatures == open_text_model(tiny_model.path, text_ops, "litert").signatures()
    assert Operator("TFText>NgramsStringJoin", 1, True) in tables.operators


def test_parameters_are_counted_once(decoder_path: Path) -> None:
    width, hidden, vocabulary = 64, 128, 261
    layer = width * (width + 2 * 32) + width * width + 3 * width * hidden
    tables = read_tables(decoder_path)
    assert tables.parameters == 2 * layer + vocabulary * width + 2 * LENGTH * 16
    assert tables.dtypes == ("float32",)


@pytest.mark.parametrize("content", [b"\0\0\0\0TFL3", b"\x10\0\0\0TFL3" + b"\xff" * 60, b"no model here"])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelRefusedError, match=r"odd\.tflite: not a TFLite model, or a damaged one$"):
        read_tables(path)


def test_an_empty_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.tflite").touch()
    with pytest.raises(ModelRefusedError, match="not a TFLite model, or a damaged one"):
        read_tables(tmp_path / "empty.tflite")
    with pytest.raises(ModelRefusedError, match=r"no\.tflite: No such file or directory"):
        read_tables(tmp_path / "no.tflite")
