"""A writer for `.tflite` files: subgraphs that share their constants, one signature each.

It fills the object classes of the TFLite schema (version 3, `schema.fbs`) that ship with LiteRT.
Dimensions of -1 are dynamic: the runtime resolves them when an input is resized.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from models.tflite.dtypes import DTYPES
from models.tflite.shared_objects import (
    AlignedBuffer,
    Pool,
    PooledOperator,
    PooledTensor,
    SymmetricQuantization,
)

Array = npt.NDArray[Any]
Op = schema.BuiltinOperator


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A value in one subgraph. Arithmetic between tensors (or a tensor and a number) appends an operator."""

    graph: Graph
    index: int
    shape: tuple[int, ...]
    dtype: str

    def __add__(self, other: Tensor | float) -> Tensor:
        return self.graph.binary(Op.ADD, schema.BuiltinOptions.AddOptions, schema.AddOptionsT(), self, other)

    def __sub__(self, other: Tensor | float) -> Tensor:
        return self.graph.binary(Op.SUB, schema.BuiltinOptions.SubOptions, schema.SubOptionsT(), self, other)

    def __mul__(self, other: Tensor | float) -> Tensor:
        return self.graph.binary(Op.MUL, schema.BuiltinOptions.MulOptions, schema.MulOptionsT(), self, other)

    def __truediv__(self, other: Tensor | float) -> Tensor:
        return self.graph.binary(Op.DIV, schema.BuiltinOptions.DivOptions, schema.DivOptionsT(), self, other)


@dataclass(frozen=True, slots=True)
class Quantized:
    """An int8 or int4 constant with its scales.

    Attributes:
        key: Names the constant in the file: one key, one copy.
        values: int8 values [out, in]; int4 values lie in -8..7.
        scales: float32, [out] per channel, [1] per tensor, [out, in / block] per block of a row's values.
        dtype: `int8` or `int4`.
    """

    key: str
    values: Array
    scales: Array
    dtype: str = "int8"

    @property
    def bytes(self) -> int:
        """In the file: two int4 values a byte; scales are float32, those of blocks float16."""
        values = self.values.size // (2 if self.dtype == "int4" else 1)
        return values + self.scales.size * (4 if self.scales.ndim == 1 else 2)


class Model:
    """A file in the making: buffers, operator codes, subgraphs and signatures.

    Attributes:
        weight_bytes: What its weights take, as whoever wrote them counts them.
    """

    def __init__(self, description: str) -> None:
        self.description = description
        self.pool = Pool()
        self.weight_bytes = 0
        self.graphs: list[Graph] = []
        self._buffers: list[Any] = [schema.BufferT()]
        self._buffer_of: dict[str, int] = {}
        self._quantizations: dict[str, SymmetricQuantization] = {}
        self._codes: dict[tuple[int, int, str], int] = {}
        self.signatures: list[Graph] = []
        self._metadata: list[Any] = []

    def buffer(self, key: str, data: Array) -> int:
        """Index of the buffer that holds `data`, stored once for each key."""
        if key not in self._buffer_of:
            stored = AlignedBuffer()
            stored.data = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
            self._buffer_of[key] = self._append(stored)
        return self._buffer_of[key]

    def quantization(self, weight: Quantized) -> Any:
        """The parameters of a weight (schema `QuantizationParameters`)."""
        if weight.key not in self._quantizations:
            scales = np.asarray(weight.scales, np.float32).reshape(-1)
            self._quantizations[weight.key] = SymmetricQuantization(self.pool, scales)
        return self._quantizations[weight.key]

    def levels(self, level: float) -> Any:
        """The parameters of int8 activations of which one level is worth `level`."""
        key = f"levels {level}"
        if key not in self._quantizations:
            self._quantizations[key] = SymmetricQuantization(self.pool, np.array([level], np.float32))
        return self._quantizations[key]

    def _append(self, buffer: Any) -> int:
        self._buffers.append(buffer)
        return len(self._buffers) - 1

    def opcode(self, builtin: int, version: int, custom: str = "") -> int:
        """Index of an operator code."""
        return self._codes.setdefault((builtin, version, custom), len(self._codes))

    def subgraph(self, name: str) -> Graph:
        """Append a subgraph, e.g. the body of a loop."""
        graph = Graph(self, name, len(self.graphs))
        self.graphs.append(graph)
        return graph

    def signature(self, graph: Graph) -> None:
        """Expose a finished subgraph under its name, with the names of its inputs and outputs."""
        self.signatures.append(graph)

    @property
    def custom_ops(self) -> tuple[str, ...]:
        """Names of the custom operators in use."""
        return tuple(sorted(custom for _, _, custom in self._codes if custom))

    def metadata(self, name: str, data: bytes) -> None:
        """Carry named bytes in the file (schema `Metadata`)."""
        entry = schema.MetadataT()
        entry.name = name.encode()
        entry.buffer = self.buffer(f"metadata/{name}", np.frombuffer(data, np.uint8))
        self._metadata.append(entry)

    def pack(self) -> bytearray:
        """The finished file's bytes."""
        model = schema.ModelT()
        model.version = 3
        model.description = self.description.encode()
        model.buffers = self._buffers
        model.subgraphs = [graph.finish() for graph in self.graphs]
        model.signatureDefs = [_signature(graph) for graph in self.signatures]
        model.metadata = self._metadata
        model.operatorCodes = [_operator_code(*code) for code in self._codes]
        self.pool.clear()
        size = sum(len(b.data) for b in self._buffers if b.data is not None)
        builder = flatbuffers.Builder(size + 2**22)
        builder.Finish(model.Pack(builder), b"TFL3")
        return builder.Output()  # type: ignore[no-any-return]

    def save(self, path: Path) -> str:
        """Write the file under a temporary name, rename it into place and return its sha256."""
        data = self.pack()
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return hashlib.sha256(data).hexdigest()


def _signature(graph: Graph) -> Any:
    signature = schema.SignatureDefT()
    signature.signatureKey = graph.name.encode()
    signature.subgraphIndex = graph.position
    signature.inputs = [_tensor_map(name, tensor) for name, tensor in graph.inputs]
    signature.outputs = [_tensor_map(name, tensor) for name, tensor in graph.outputs]
    return signature


def _tensor_map(name: str, tensor: Tensor) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name.encode(), tensor.index
    return entry


def _operator_code(builtin: int, version: int, custom: str) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode, code.version = builtin, version
    code.deprecatedBuiltinCode = min(builtin, 127)
    code.customCode = custom.encode() or None
    return code


class Graph:
    """One subgraph: appends tensors and operators in execution order."""

    def __init__(self, model: Model, name: str, position: int) -> None:
        self.model = model
        self.name = name
        self.position = position
        self.inputs: list[tuple[str, Tensor]] = []
        self.outputs: list[tuple[str, Tensor]] = []
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._constants: dict[str, Tensor] = {}

    def input(
        self, name: str, shape: Sequence[int], dtype: str = "float32", *, initial: Sequence[int] = ()
    ) -> Tensor:
        """Declare the next input; `initial` is its shape before anybody resizes it (1 where dynamic)."""
        tensor = self.tensor(shape, dtype, name=name)
        if initial:
            self._tensors[tensor.index].shape = np.array(initial, np.int32)
        self.inputs.append((name, tensor))
        return tensor

    def output(self, name: str, tensor: Tensor) -> None:
        """Declare the next output."""
        self.outputs.append((name, tensor))

    def tensor(
        self, shape: Sequence[int], dtype: str, *, name: str = "", buffer: int = 0, quantization: Any = None
    ) -> Tensor:
        """Append a tensor; dimensions of -1 are dynamic."""
        entry = PooledTensor(self.model.pool)
        entry.shape = np.array([1 if d == -1 else d for d in shape], np.int32)
        if -1 in shape:
            entry.shapeSignature = np.array(shape, np.int32)
        entry.type = DTYPES[dtype]
        entry.buffer = buffer
        entry.name = name.encode()
        entry.quantization = quantization
        entry.hasRank = True
        self._tensors.append(entry)
        return Tensor(self, len(self._tensors) - 1, tuple(int(d) for d in shape), dtype)

    def constant(self, value: npt.ArrayLike, dtype: str = "") -> Tensor:
        """A constant, stored once in the file for each distinct value."""
        array = np.asarray(value, dtype or None)
        key = f"{array.dtype.name}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
        if key not in self._constants:
            buffer = self.model.buffer(key, array)
            self._constants[key] = self.tensor(array.shape, array.dtype.name, buffer=buffer)
        return self._constants[key]

    def quantized(self, weight: Quantized) -> Tensor:
        """A quantized constant."""
        if weight.key not in self._constants:
            data = _nibbles(weight.values) if weight.dtype == "int4" else weight.values.astype(np.int8)
            self._constants[weight.key] = self.tensor(
                weight.values.shape,
                weight.dtype,
                buffer=self.model.buffer(weight.key, data),
                quantization=self._blockwise(weight)
                if weight.scales.ndim == 2
                else self.model.quantization(weight),
            )
        return self._constants[weight.key]

    def _blockwise(self, weight: Quantized) -> Any:
        """Parameters whose scales are a float16 tensor of this subgraph (schema `BlockwiseQuantization`)."""
        blocks = schema.BlockwiseQuantizationT()
        blocks.scales = self.constant(weight.scales, "float16").index
        blocks.zeroPoints = -1
        blocks.blockSize = weight.values.shape[1] // weight.scales.shape[1]
        parameters = schema.QuantizationParametersT()
        parameters.detailsType, parameters.details = schema.QuantizationDetails.BlockwiseQuantization, blocks
        return parameters

    def string_constant(self, key: str, values: Sequence[bytes], shape: Sequence[int]) -> Tensor:
        """A constant of strings in TFLite's layout: count, offsets, then the bytes (`string_util.h`)."""
        if key not in self._constants:
            starts = 4 * (len(values) + 2) + np.cumsum([0, *map(len, values)])
            head = np.array([len(values), *starts], np.int32).tobytes()
            data = np.frombuffer(head + b"".join(values), np.uint8)
            self._constants[key] = self.tensor(shape, "string", buffer=self.model.buffer(key, data))
        return self._constants[key]

    def operator(
        self,
        builtin: int,
        inputs: Iterable[Tensor | None],
        outputs: Iterable[tuple[Sequence[int], str]],
        options: Any = None,
        options_type: int = 0,
        *,
        version: int = 1,
        custom: str = "",
        custom_options: bytes = b"",
        quantization: Any = None,
    ) -> tuple[Tensor, ...]:
        """Append an operator; `outputs` gives each result's shape and dtype. None is an absent input."""
        results = tuple(self.tensor(shape, dtype, quantization=quantization) for shape, dtype in outputs)
        entry = PooledOperator(self.model.pool)
        entry.opcodeIndex = self.model.opcode(builtin, version, custom)
        entry.inputs = np.array([-1 if t is None else self._own(t).index for t in inputs], np.int32)
        entry.outputs = np.array([t.index for t in results], np.int32)
        entry.builtinOptionsType, entry.builtinOptions = options_type, options
        if custom_options:
            entry.customOptions = np.frombuffer(custom_options, np.uint8)
        self._operators.append(entry)
        return results

    def binary(
        self, builtin: int, options_type: int, options: Any, a: Tensor, b: Tensor | float, dtype: str = ""
    ) -> Tensor:
        """Append an element-wise operator with broadcasting; a number takes the tensor's dtype."""
        right = b if isinstance(b, Tensor) else self.constant(b, a.dtype)
        if a.dtype != right.dtype:
            raise TypeError(f"{self.name}: element-wise operands are {a.dtype} and {right.dtype}")
        shape = broadcast(a.shape, right.shape)
        return self.operator(builtin, [a, right], [(shape, dtype or a.dtype)], options, options_type)[0]

    def _own(self, tensor: Tensor) -> Tensor:
        if tensor.graph is not self:
            raise ValueError(f"{self.name}: an operand belongs to subgraph {tensor.graph.name}")
        return tensor

    def finish(self) -> Any:
        """The schema object of this subgraph."""
        graph = schema.SubGraphT()
        graph.name = self.name.encode()
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs = np.array([t.index for _, t in self.inputs], np.int32)
        graph.outputs = np.array([t.index for _, t in self.outputs], np.int32)
        return graph


def broadcast(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    """Shape of an element-wise result (NumPy's rule; a dynamic dimension stays dynamic beside 1)."""
    rank = max(len(a), len(b))
    result = []
    for x, y in zip([1] * (rank - len(a)) + [*a], [1] * (rank - len(b)) + [*b], strict=True):
        if x != y and 1 not in (x, y) and -1 not in (x, y):
            raise ValueError(f"shapes {tuple(a)} and {tuple(b)} do not broadcast")
        result.append(y if x == 1 or (x == -1 and y > 1) else x)
    return tuple(result)


def _nibbles(values: Array) -> Array:
    """Two int4 values a byte, the first in the low half (TFLite's INT4 layout)."""
    flat = (values.reshape(-1).astype(np.int16) & 15).astype(np.uint8)
    if flat.size % 2:
        flat = np.append(flat, np.uint8(0))
    return flat[0::2] | (flat[1::2] << 4)
