"""Objects that share what is equal, read back with the schema's own readers."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from models.tflite.shared_objects import (
    AlignedBuffer,
    Pool,
    PooledOperator,
    PooledTensor,
    SymmetricQuantization,
)


@pytest.fixture
def pool() -> Pool:
    return Pool()


def packed(model: Any) -> tuple[Any, int]:
    """The file's root table and its length."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    data = bytes(builder.Output())
    return schema.Model.GetRootAs(data, 0), len(data)


def model_of(tensors: list[Any], operators: list[Any]) -> Any:
    graph, model = schema.SubGraphT(), schema.ModelT()
    graph.tensors, graph.operators, model.subgraphs = tensors, operators, [graph]
    return model


def tensor(pool: Pool, shape: list[int], name: bytes = b"", quantization: Any = None) -> PooledTensor:
    found = PooledTensor(pool)
    found.shape, found.name, found.hasRank = np.array(shape, np.int32), name, True
    found.type, found.buffer, found.quantization = schema.TensorType.INT8, 7, quantization
    return found


def operator(pool: Pool, inputs: list[int], axis: int) -> PooledOperator:
    found, options = PooledOperator(pool), schema.ConcatenationOptionsT()
    options.axis = axis
    found.opcodeIndex = 3
    found.inputs, found.outputs = np.array(inputs, np.int32), np.array([9], np.int32)
    found.builtinOptionsType = schema.BuiltinOptions.ConcatenationOptions
    found.builtinOptions = options
    return found


@pytest.mark.parametrize("size", [1, 15, 16, 1000])
def test_a_buffers_bytes_start_on_a_border_of_sixteen(size: int) -> None:
    model, odd, buffer = schema.ModelT(), AlignedBuffer(), AlignedBuffer()
    odd.data = np.ones(3, np.uint8)
    buffer.data = np.arange(size).astype(np.uint8)
    model.buffers = [odd, buffer]
    builder = flatbuffers.Builder(64)
    builder.Finish(model.Pack(builder), b"TFL3")
    data = np.frombuffer(bytes(builder.Output()), np.uint8)
    found = schema.Model.GetRootAs(data, 0).Buffers(1).DataAsNumpy()
    assert np.array_equal(found, buffer.data)
    assert (found.ctypes.data - data.ctypes.data) % 16 == 0


def test_a_tensor_comes_back_as_it_was_written(pool: Pool) -> None:
    scales = SymmetricQuantization(pool, np.array([0.5, 0.25], np.float32))
    written = tensor(pool, [2, 3], b"x", scales)
    written.shapeSignature = np.array([-1, 3], np.int32)
    root, _ = packed(model_of([written], []))
    found = root.Subgraphs(0).Tensors(0)
    assert found.ShapeAsNumpy().tolist() == [2, 3]
    assert found.ShapeSignatureAsNumpy().tolist() == [-1, 3]
    assert (found.Type(), found.Buffer(), found.Name(), found.HasRank()) == (9, 7, b"x", True)
    assert found.Quantization().ScaleAsNumpy().tolist() == [0.5, 0.25]
    assert found.Quantization().ZeroPointAsNumpy().tolist() == [0, 0]


def test_an_operator_comes_back_as_it_was_written(pool: Pool) -> None:
    written = operator(pool, [1, -1], axis=2)
    written.customOptions = np.array([5, 6], np.uint8)
    root, _ = packed(model_of([], [written]))
    found = root.Subgraphs(0).Operators(0)
    assert (found.OpcodeIndex(), found.InputsAsNumpy().tolist()) == (3, [1, -1])
    assert found.OutputsAsNumpy().tolist() == [9]
    assert found.CustomOptionsAsNumpy().tolist() == [5, 6]
    options = schema.ConcatenationOptions()
    options.Init(found.BuiltinOptions().Bytes, found.BuiltinOptions().Pos)
    assert options.Axis() == 2


def test_equal_parts_are_written_once(pool: Pool) -> None:
    scales = SymmetricQuantization(pool, np.arange(1, 1001, dtype=np.float32))

    def size(count: int) -> int:
        pool.clear()
        tensors = [tensor(pool, [1000, 3], b"name" * 50, scales) for _ in range(count)]
        return packed(model_of(tensors, [operator(pool, [1] * 100, 1) for _ in range(count)]))[1]

    assert size(1) > 12_000  # scales and zero points of 1,000 rows
    assert size(11) - size(1) < 10 * 200


def test_other_options_are_not_shared(pool: Pool) -> None:
    root, _ = packed(model_of([], [operator(pool, [1], axis) for axis in (1, 2, 1)]))
    places = [root.Subgraphs(0).Operators(n).BuiltinOptions().Pos for n in range(3)]
    assert places[0] == places[2] != places[1]


def test_a_new_pass_writes_anew(pool: Pool) -> None:
    model = model_of([tensor(pool, [4, 5])], [])
    first, length = packed(model)
    pool.clear()
    second, again = packed(model)
    assert length == again
    assert second.Subgraphs(0).Tensors(0).ShapeAsNumpy().tolist() == [4, 5]
    assert first.Subgraphs(0).Tensors(0).ShapeAsNumpy().tolist() == [4, 5]


def test_what_is_written_is_asked_for_once(pool: Pool) -> None:
    written = []

    def write() -> int:
        written.append(1)
        return 42

    assert [pool.once("key", write), pool.once("key", write)] == [42, 42]
    assert len(written) == 1
    assert pool.vector(None, None) is None
