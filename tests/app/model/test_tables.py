from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.manifest import TensorSpec
from app.model.tables import Operator, list_operators, read_tables
from app.model.tokenizer import open_text_model
from models.tflite import ops, sequence_ops
from models.tflite.graph import Model, Op
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


@pytest.fixture
def file(tmp_path: Path) -> Path:
    model = Model("test")
    graph = model.subgraph("test")
    text, x = graph.input("text", [1], "string"), graph.input("x", [2, 2])
    graph.output("bytes", sequence_ops.byte_split(text))
    graph.output("sum", x + 1.0)
    graph.output("y", ops.fully_connected(x + 2.0, x, None, version=12))
    graph.output("z", graph.operator(Op.STABLEHLO_SCATTER, [x], [((2, 2), "float32")])[0])
    model.signature(graph)
    path = tmp_path / "model.tflite"
    model.save(path)
    return path


def test_operators_are_listed_once_by_name_and_version(file: Path) -> None:
    assert list_operators(file) == (
        Operator("ADD", 1, custom=False),
        Operator("FULLY_CONNECTED", 12, custom=False),
        Operator("STABLEHLO_SCATTER", 1, custom=False),
        Operator("TFText>ByteSplitWithOffsets", 1, custom=True),
    )


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match=r"none\.tflite: No such file or directory$"):
        list_operators(tmp_path / "none.tflite")


@pytest.mark.parametrize("content", [b"", b"TFL3", b"a text that is no model"])
def test_the_operators_of_what_is_no_model_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelRefusedError, match=r"text\.tflite: not a TFLite model, or a damaged one$"):
        list_operators(path)


def test_a_damaged_file_is_read_or_refused_and_never_more(file: Path) -> None:
    whole, rng = file.read_bytes(), random.Random(1)
    for _ in range(300):
        damaged = bytearray(whole[: rng.randrange(8, len(whole))])
        damaged[rng.choice([*range(4), rng.randrange(len(damaged))])] = rng.randrange(256)
        file.write_bytes(damaged)
        with suppress(ModelRefusedError):
            list_operators(file)
