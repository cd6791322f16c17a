from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from models.tflite import ops
from models.tflite.graph import Graph, Model, Op, Quantized, broadcast
from tests.models.conftest import Evaluate

Options = schema.BuiltinOptions


@pytest.fixture
def model() -> Model:
    return Model("a test")


@pytest.fixture
def graph(model: Model) -> Graph:
    return model.subgraph("f")


def read(model: Model) -> Any:
    """The file's root table."""
    return schema.Model.GetRootAs(model.pack(), 0)


def contents(model: Model) -> list[bytes]:
    """Every buffer that is not empty."""
    root = read(model)
    buffers = [root.Buffers(n) for n in range(root.BuffersLength())]
    return [bytes(buffer.DataAsNumpy()) for buffer in buffers if buffer.DataLength()]


def weight(key: str, *, dtype: str = "int8", rows: int = 3, columns: int = 4) -> Quantized:
    values = np.arange(rows * columns).reshape(rows, columns).astype(np.int8) - 6
    return Quantized(key, values, np.arange(1, rows + 1, dtype=np.float32), dtype)


def test_equal_constants_are_one_tensor_in_a_graph_and_one_buffer_in_the_file(model: Model) -> None:
    for name in ("f", "g"):
        graph = model.subgraph(name)
        first = graph.constant([1.0, 2.0], "float32")
        assert graph.constant(np.array([1, 2], np.float32)) is first
    assert contents(model) == [np.array([1, 2], np.float32).tobytes()]


def test_constants_that_differ_in_type_or_shape_alone_are_two(graph: Graph) -> None:
    tensors = [
        graph.constant(np.zeros(4, np.float32)),
        graph.constant(np.zeros(4, np.int32)),
        graph.constant(np.zeros((2, 2), np.float32)),
    ]
    assert len({tensor.index for tensor in tensors}) == 3
    assert [(tensor.shape, tensor.dtype) for tensor in tensors] == [
        ((4,), "float32"),
        ((4,), "int32"),
        ((2, 2), "float32"),
    ]


def test_a_weight_and_its_scales_are_written_once_for_all_graphs(model: Model) -> None:
    for name in ("f", "g"):
        graph = model.subgraph(name)
        assert graph.quantized(weight("w")) is graph.quantized(weight("w"))
    assert contents(model) == [weight("w").values.tobytes()]
    root = read(model)
    parameters = [root.Subgraphs(n).Tensors(0).Quantization() for n in range(2)]
    assert parameters[0]._tab.Pos == parameters[1]._tab.Pos
    assert parameters[0].ScaleAsNumpy().tolist() == [1, 2, 3]
    assert parameters[0].ZeroPointAsNumpy().tolist() == [0, 0, 0]
    assert parameters[0].QuantizedDimension() == 0


def test_weights_of_other_keys_keep_their_own_scales(model: Model, graph: Graph) -> None:
    other = Quantized("v", weight("v").values, np.full(3, 7, np.float32))
    graph.quantized(weight("w"))
    graph.quantized(other)
    tensors = [read(model).Subgraphs(0).Tensors(n).Quantization() for n in range(2)]
    assert [tensor.ScaleAsNumpy().tolist() for tensor in tensors] == [[1, 2, 3], [7, 7, 7]]


def test_a_graph_that_only_repeats_another_costs_little_more() -> None:
    sizes = []
    for count in (1, 2):
        model = Model("a test")
        for n in range(count):
            graph = model.subgraph(f"f{n}")
            x = graph.input("x", [1, 512])
            for _ in range(50):
                x = ops.fully_connected(x, graph.constant(np.eye(512, dtype=np.float32)), None, version=1)
            graph.output("y", x)
        sizes.append(len(model.pack()))
    assert sizes[1] - sizes[0] < 10_000


@pytest.mark.parametrize("size", [1, 3, 16, 1000])
def test_every_buffer_starts_on_a_border_of_sixteen_bytes(model: Model, graph: Graph, size: int) -> None:
    for n in range(5):
        graph.constant(np.full(size + n, n, np.uint8))
    data = model.pack()
    root = schema.Model.GetRootAs(data, 0)
    start = np.frombuffer(data, np.uint8).ctypes.data
    places = [root.Buffers(n).DataAsNumpy().ctypes.data - start for n in range(1, root.BuffersLength())]
    assert len(places) == 5
    assert [place % 16 for place in places] == [0] * 5


def test_packing_again_gives_the_same_bytes(model: Model, graph: Graph) -> None:
    graph.output(
        "y", ops.fully_connected(graph.input("x", [1, 4]), graph.quantized(weight("w")), None, version=12)
    )
    model.signature(graph)
    assert model.pack() == model.pack()


@pytest.mark.parametrize("columns", [4, 3])
def test_two_int4_values_share_a_byte_the_first_in_the_low_half(
    model: Model, graph: Graph, columns: int
) -> None:
    values = (np.arange(3 * columns).reshape(3, columns) % 16 - 8).astype(np.int8)
    graph.quantized(Quantized("w", values, np.ones(3, np.float32), "int4"))
    (packed,) = contents(model)
    halves = [half for byte in packed for half in (byte & 15, byte >> 4)]
    assert [half - 16 if half > 7 else half for half in halves[: values.size]] == values.ravel().tolist()
    assert len(packed) == -(-values.size // 2)


def test_strings_are_stored_with_their_number_and_places(evaluate: Evaluate) -> None:
    texts = [b"", b"abc", b"\0", "é".encode()]

    def write(x: Any) -> Any:
        return ops.gather(x.graph.string_constant("texts", texts, [4]), x)

    assert evaluate(write, [3, 0, 2, 1]) == [texts[3], texts[0], texts[2], texts[1]]


def test_strings_of_one_key_are_stored_once(model: Model) -> None:
    for name in ("f", "g"):
        model.subgraph(name).string_constant("texts", [b"abc"], [1])
    assert len(contents(model)) == 1


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda a, b: a + b, [5.0, 8.0]),
        (lambda a, b: a - b, [3.0, 4.0]),
        (lambda a, b: a * b, [4.0, 12.0]),
        (lambda a, b: a / b, [4.0, 3.0]),
        (lambda a, b: a + 0.5, [4.5, 6.5]),
        (lambda a, b: a - 0.5, [3.5, 5.5]),
        (lambda a, b: a * 0.5, [2.0, 3.0]),
        (lambda a, b: a / 0.5, [8.0, 12.0]),
    ],
)
def test_tensors_are_added_subtracted_multiplied_and_divided(
    evaluate: Evaluate, write: Any, expected: list[float]
) -> None:
    assert evaluate(write, np.array([4, 6], np.float32), np.array([1, 2], np.float32)) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([2, 3], [2, 3], (2, 3)),
        ([2, 3], [3], (2, 3)),
        ([1, 3], [2, 1], (2, 3)),
        ([], [4], (4,)),
        ([-1, 3], [1, 3], (-1, 3)),
        ([1], [-1], (-1,)),
        ([-1], [5], (5,)),
        ([5], [-1], (5,)),
        ([-1], [-1], (-1,)),
    ],
)
def test_shapes_broadcast_as_in_numpy(a: list[int], b: list[int], expected: tuple[int, ...]) -> None:
    assert broadcast(a, b) == expected


def test_shapes_that_do_not_broadcast_are_refused(graph: Graph) -> None:
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(4,\) do not broadcast"):
        graph.input("a", [2, 3]) + graph.input("b", [4])


def test_operands_of_two_types_are_refused(graph: Graph) -> None:
    with pytest.raises(TypeError, match="f: element-wise operands are float32 and int32"):
        graph.input("a", [2]) + graph.input("b", [2], "int32")


def test_an_operand_of_another_subgraph_is_refused(model: Model, graph: Graph) -> None:
    other = model.subgraph("g")
    with pytest.raises(ValueError, match="f: an operand belongs to subgraph g"):
        graph.input("a", [2]) + other.input("b", [2])


def test_a_type_that_the_schema_does_not_have_is_refused(graph: Graph) -> None:
    with pytest.raises(KeyError):
        graph.constant(np.zeros(2, np.complex64))


def test_signatures_name_their_inputs_and_outputs(model: Model) -> None:
    for name in ("f", "g"):
        graph = model.subgraph(name)
        a, b = graph.input("a", [2]), graph.input("b", [2])
        graph.output("sum", a + b)
        graph.output("product", a * b)
        model.signature(graph)
    model.subgraph("hidden").input("x", [1])
    interpreter = Interpreter(model_content=bytes(model.pack()))
    names = {"inputs": ["a", "b"], "outputs": ["product", "sum"]}
    assert interpreter.get_signature_list() == {"f": names, "g": names}
    found = interpreter.get_signature_runner("g")(
        a=np.array([1, 2], np.float32), b=np.array([3, 4], np.float32)
    )
    assert {name: value.tolist() for name, value in found.items()} == {"sum": [4, 6], "product": [3, 8]}


def test_a_dynamic_input_has_its_initial_shape_until_it_is_resized(model: Model, graph: Graph) -> None:
    graph.output("y", graph.input("x", [-1, 3, -1], initial=[4, 3, 2]) * 2.0)
    graph.output("z", graph.input("n", [-1, 3]) * 2.0)
    model.signature(graph)
    runner = Interpreter(model_content=bytes(model.pack())).get_signature_runner("f")
    details = runner.get_input_details()
    assert details["x"]["shape"].tolist() == [4, 3, 2]
    assert details["x"]["shape_signature"].tolist() == [-1, 3, -1]
    assert details["n"]["shape"].tolist() == [1, 3]
    found = runner(x=np.ones((5, 3, 1), np.float32), n=np.ones((2, 3), np.float32))
    assert (found["y"].shape, found["z"].shape) == ((5, 3, 1), (2, 3))


def test_operator_codes_are_listed_once_with_their_version(model: Model, graph: Graph) -> None:
    x = graph.input("x", [2])
    graph.output("y", x + x + x * x)
    graph.operator(Op.CUSTOM, [x], [((2,), "float32")], custom="Second")
    graph.operator(Op.CUSTOM, [x], [((2,), "float32")], custom="First")
    graph.operator(Op.GELU, [x], [((2,), "float32")], version=2)
    root = read(model)
    codes = [root.OperatorCodes(n) for n in range(root.OperatorCodesLength())]
    assert [(code.BuiltinCode(), code.Version(), code.CustomCode()) for code in codes] == [
        (Op.ADD, 1, None),
        (Op.MUL, 1, None),
        (Op.CUSTOM, 1, b"Second"),
        (Op.CUSTOM, 1, b"First"),
        (Op.GELU, 2, None),
    ]
    assert [code.DeprecatedBuiltinCode() for code in codes] == [Op.ADD, Op.MUL, Op.CUSTOM, Op.CUSTOM, 127]
    assert model.custom_ops == ("First", "Second")


def test_the_file_carries_its_description_and_named_bytes(model: Model, graph: Graph) -> None:
    model.metadata("licence", b"Apache-2.0")
    root = read(model)
    assert root.Version() == 3
    assert root.Description() == b"a test"
    assert root.Metadata(0).Name() == b"licence"
    assert bytes(root.Buffers(root.Metadata(0).Buffer()).DataAsNumpy()) == b"Apache-2.0"
    assert model.pack()[4:8] == b"TFL3"


def test_saving_returns_the_digest_and_leaves_one_file(model: Model, graph: Graph, tmp_path: Path) -> None:
    graph.constant([1.0], "float32")
    digest = model.save(tmp_path / "model.tflite")
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]
    content = (tmp_path / "model.tflite").read_bytes()
    assert content == model.pack()
    assert digest == hashlib.sha256(content).hexdigest()


def test_a_file_appears_under_its_name_only_when_it_is_whole(
    model: Model, graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"the one before")

    def fail(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        model.save(path)
    assert path.read_bytes() == b"the one before"
