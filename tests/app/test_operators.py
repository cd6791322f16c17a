from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.tables import Operator, list_operators
from models.tflite import ops, sequence_ops
from models.tflite.graph import Model, Op


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
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
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
