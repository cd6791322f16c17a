"""Schema objects that are written once and referred to many times: a subgraph more costs little more.

A FlatBuffers reference may point at any object written earlier: equal vectors, strings and tables are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

Array = npt.NDArray[Any]


class Pool:
    """What one pass over the file has written, by content."""

    def __init__(self) -> None:
        self._places: dict[Hashable, Any] = {}

    def clear(self) -> None:
        """Begin a new pass."""
        self._places.clear()

    def vector(self, builder: Any, values: Array | None) -> Any:
        """Where these numbers stand; None for no vector."""
        if values is None:
            return None
        key = (values.dtype.str, values.tobytes())
        return self.once(key, lambda: builder.CreateNumpyVector(values))

    def string(self, builder: Any, text: bytes) -> Any:
        """Where this string stands."""
        return self.once(("string", text), lambda: builder.CreateString(text))

    def once(self, key: Hashable, write: Callable[[], Any]) -> Any:
        """Where the object of this key stands; written now if it does not stand yet."""
        if key not in self._places:
            self._places[key] = write()
        return self._places[key]


class AlignedBuffer(schema.BufferT):  # type: ignore[misc]  # the schema's classes carry no types
    """A buffer whose bytes start on a 16-byte border, as `schema.fbs` asks (force_align)."""

    def Pack(self, builder: Any) -> Any:  # noqa: N802, D102  # the schema's method
        size = len(self.data)
        builder.StartVector(1, size, 16)
        builder.head -= size
        builder.Bytes[builder.head : builder.head + size] = self.data.tobytes()
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


class SymmetricQuantization(schema.QuantizationParametersT):  # type: ignore[misc]
    """Scales along dimension 0 and zero points of zero, one table a weight."""

    def __init__(self, pool: Pool, scales: Array) -> None:
        super().__init__()
        self._pool = pool
        self._scales = scales

    def Pack(self, builder: Any) -> Any:  # noqa: N802, D102
        return self._pool.once(("quantization", id(self)), lambda: self._write(builder))

    def _write(self, builder: Any) -> Any:
        scales = self._pool.vector(builder, self._scales)
        zero_points = self._pool.vector(builder, np.zeros(self._scales.size, np.int64))
        schema.QuantizationParametersStart(builder)
        schema.QuantizationParametersAddScale(builder, scales)
        schema.QuantizationParametersAddZeroPoint(builder, zero_points)
        return schema.QuantizationParametersEnd(builder)


class PooledTensor(schema.TensorT):  # type: ignore[misc]
    """A tensor that shares its shape, its name and its quantization."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool

    def Pack(self, builder: Any) -> Any:  # noqa: N802, D102
        shape = self._pool.vector(builder, self.shape)
        signature = self._pool.vector(builder, self.shapeSignature)
        name = self._pool.string(builder, self.name)
        quantization = None if self.quantization is None else self.quantization.Pack(builder)
        schema.TensorStart(builder)
        schema.TensorAddShape(builder, shape)
        schema.TensorAddType(builder, self.type)
        schema.TensorAddBuffer(builder, self.buffer)
        schema.TensorAddName(builder, name)
        if quantization is not None:
            schema.TensorAddQuantization(builder, quantization)
        if signature is not None:
            schema.TensorAddShapeSignature(builder, signature)
        schema.TensorAddHasRank(builder, self.hasRank)
        return schema.TensorEnd(builder)


class PooledOperator(schema.OperatorT):  # type: ignore[misc]
    """An operator that shares its options with others of the same kind."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool

    def Pack(self, builder: Any) -> Any:  # noqa: N802, D102
        inputs = self._pool.vector(builder, self.inputs)
        outputs = self._pool.vector(builder, self.outputs)
        options = None if self.builtinOptions is None else self._options(builder)
        custom = self._pool.vector(builder, self.customOptions)
        schema.OperatorStart(builder)
        schema.OperatorAddOpcodeIndex(builder, self.opcodeIndex)
        schema.OperatorAddInputs(builder, inputs)
        schema.OperatorAddOutputs(builder, outputs)
        if options is not None:
            schema.OperatorAddBuiltinOptionsType(builder, self.builtinOptionsType)
            schema.OperatorAddBuiltinOptions(builder, options)
        if custom is not None:
            schema.OperatorAddCustomOptions(builder, custom)
        return schema.OperatorEnd(builder)

    def _options(self, builder: Any) -> Any:
        fields = vars(self.builtinOptions).items()
        values = tuple((k, v.tobytes() if isinstance(v, np.ndarray) else v) for k, v in fields)
        key = ("options", self.builtinOptionsType, values)
        return self._pool.once(key, lambda: self.builtinOptions.Pack(builder))
