"""A TFLite file's signatures, read from its tables without loading it."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import ModelRefusedError
from app.model.manifest import SignatureSpec, TensorSpec

SCHEMA_VERSION = 3


@dataclass(frozen=True, slots=True)
class GraphTables:
    """What the tables of a TFLite model say.

    Attributes:
        parameters: Elements of the distinct constants of at least two dimensions.
        dtypes: Element types of those constants, the one with most elements first.
    """

    signatures: dict[str, SignatureSpec]
    operators: frozenset[Operator]
    parameters: int
    dtypes: tuple[str, ...]


def read_tables(path: Path, begin: int = 0, end: int | None = None) -> GraphTables:
    """The tables of the model between two bytes of a file.

    The file is mapped: only the pages with its tables are read, not its weights.

    Raises:
        ModelRefusedError: The file cannot be read, or this is no TFLite model.
    """
    try:
        with _mapped(path) as data, data[begin:end] as view:
            if bytes(view[4:8]) != b"TFL3":
                raise ValueError
            return _tables(view)
    except OSError as error:
        raise ModelRefusedError(f"{path}: {error.strerror}") from None
    except (struct.error, TypeError, ValueError, IndexError, AttributeError):
        raise ModelRefusedError(f"{path}: not a TFLite model, or a damaged one") from None


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        memoryview(data) as view,
    ):
        yield view


def _tables(data: memoryview) -> GraphTables:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(data, 0)
    if model.Version() != SCHEMA_VERSION:
        raise ValueError
    types = {number: name.lower() for name, number in vars(schema.TensorType).items() if name.isupper()}
    constants: dict[int, tuple[str, int]] = {}
    for n in range(model.SubgraphsLength()):
        graph = model.Subgraphs(n)
        for i in range(graph.TensorsLength()):
            tensor = graph.Tensors(i)
            buffer = model.Buffers(tensor.Buffer())
            if tensor.ShapeLength() > 1 and (buffer.DataLength() or buffer.Size()):
                size = 1
                for d in range(tensor.ShapeLength()):
                    size *= tensor.Shape(d)
                constants[tensor.Buffer()] = (types.get(tensor.Type(), "unknown"), size)
    totals: dict[str, int] = {}
    for dtype, size in constants.values():
        totals[dtype] = totals.get(dtype, 0) + size
    return GraphTables(
        signatures=dict(
            _signature(model, model.SignatureDefs(n), types) for n in range(model.SignatureDefsLength())
        ),
        operators=frozenset(operators_of(model)),
        parameters=sum(totals.values()),
        dtypes=tuple(sorted(totals, key=lambda dtype: -totals[dtype])),
    )


def _signature(model: Any, signature: Any, types: dict[int, str]) -> tuple[str, SignatureSpec]:
    graph = model.Subgraphs(signature.SubgraphIndex())

    def spec(entry: Any) -> TensorSpec:
        tensor = graph.Tensors(entry.TensorIndex())
        dynamic = tensor.ShapeSignatureLength() > 0
        length = tensor.ShapeLength()
        read = tensor.ShapeSignature if dynamic else tensor.Shape
        return TensorSpec(
            shape=tuple(int(read(d)) for d in range(length)), dtype=types.get(tensor.Type(), "unknown")
        )

    inputs = [signature.Inputs(i) for i in range(signature.InputsLength())]
    outputs = [signature.Outputs(i) for i in range(signature.OutputsLength())]
    return signature.SignatureKey().decode(), SignatureSpec(
        inputs={entry.Name().decode(): spec(entry) for entry in inputs},
        outputs={entry.Name().decode(): spec(entry) for entry in outputs},
    )


TEXT_OPERATORS = frozenset(
    {
        "FastBertNormalize",
        "FastWordpieceTokenizeWithOffsets",
        "RaggedTensorToTensor",
        "SentenceFragmentsV2",
        "TFText>ByteSplitByOffsets",
        "TFText>ByteSplitWithOffsets",
        "TFText>FastSentencepieceDetokenize",
        "TFText>FastSentencepieceTokenize",
        "TFText>FastWordpieceDetokenize",
        "TFText>NgramsStringJoin",
        "TFText>RoundRobinGenerateMasks",
        "TFText>RoundRobinTrim",
        "TFText>Utf8Binarize",
        "TFText>WhitespaceTokenizeWithOffsetsV2",
    }
)
"""Custom operators of tensorflow-text 2.21.1, which `app.model.text_ops` registers."""


@dataclass(frozen=True, order=True, slots=True)
class Operator:
    """An operator that a file uses: its schema name, or a custom operator's own."""

    name: str
    version: int
    custom: bool


def list_operators(model: Path) -> tuple[Operator, ...]:
    """Operators of a `.tflite` file, sorted by name.

    The file is mapped: only the pages with its tables are read, not its weights.

    Raises:
        ModelRefusedError: The file cannot be read, or is not a TFLite model.
    """
    try:
        with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[4:8] != b"TFL3":
                raise ValueError
            return tuple(sorted(_operators(data)))
    except OSError as error:
        raise ModelRefusedError(f"{model}: {error.strerror}") from None
    except (struct.error, TypeError, ValueError):  # also: an offset leads out of the file, or to no table
        raise ModelRefusedError(f"{model}: not a TFLite model, or a damaged one") from None


def _operators(data: mmap.mmap) -> set[Operator]:
    from ai_edge_litert import schema_py_generated as schema

    return operators_of(schema.Model.GetRootAs(data, 0))


def operators_of(model: Any) -> set[Operator]:
    """Operators of a `Model` of LiteRT's schema classes."""
    from ai_edge_litert import schema_py_generated as schema

    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if name.isupper()}
    found = set()
    for n in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(n)
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = builtin == schema.BuiltinOperator.CUSTOM
        name = code.CustomCode().decode() if custom else names.get(builtin, f"BUILTIN_{builtin}")
        found.add(Operator(name, code.Version(), custom))
    return found
