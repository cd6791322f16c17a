"""TFLite's builtin operators as functions from tensors to tensors: each appends one operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from models.tflite.dtypes import DTYPES
from models.tflite.graph import Graph, Op, Quantized, Tensor, broadcast

Options = schema.BuiltinOptions


def unary(builtin: int, x: Tensor) -> Tensor:
    """An element-wise operator without options."""
    return x.graph.operator(builtin, [x], [(x.shape, x.dtype)])[0]


def rsqrt(x: Tensor) -> Tensor:
    """1 / sqrt(x)."""
    return unary(Op.RSQRT, x)


def logistic(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return unary(Op.LOGISTIC, x)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return unary(Op.TANH, x)


def gelu(x: Tensor, *, approximate: bool) -> Tensor:
    """Gaussian error linear unit; `approximate` takes the tanh form of GPT-2."""
    options = schema.GeluOptionsT()
    options.approximate = approximate
    return x.graph.operator(Op.GELU, [x], [(x.shape, x.dtype)], options, Options.GeluOptions)[0]


def reduce(builtin: int, x: Tensor) -> Tensor:
    """Reduce the last dimension, which is kept with length 1."""
    options = schema.ReducerOptionsT()
    options.keepDims = True
    shape = (*x.shape[:-1], 1)
    axis = x.graph.constant([len(x.shape) - 1], "int32")
    return x.graph.operator(builtin, [x, axis], [(shape, x.dtype)], options, Options.ReducerOptions)[0]


def mean(x: Tensor) -> Tensor:
    """Mean over the last dimension, which is kept with length 1."""
    return reduce(Op.MEAN, x)


def total(x: Tensor) -> Tensor:
    """Sum over the last dimension, which is kept with length 1."""
    return reduce(Op.SUM, x)


def largest(x: Tensor) -> Tensor:
    """Maximum over the last dimension, which is kept with length 1."""
    return reduce(Op.REDUCE_MAX, x)


def maximum(a: Tensor, b: Tensor | float) -> Tensor:
    """The larger of two, element by element."""
    options = schema.MaximumMinimumOptionsT()
    return a.graph.binary(Op.MAXIMUM, Options.MaximumMinimumOptions, options, a, b)


def exp(x: Tensor) -> Tensor:
    """Exponential function."""
    return unary(Op.EXP, x)


def softmax(x: Tensor) -> Tensor:
    """Softmax over the last dimension."""
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    return x.graph.operator(Op.SOFTMAX, [x], [(x.shape, x.dtype)], options, Options.SoftmaxOptions)[0]


def argmax(x: Tensor) -> Tensor:
    """Index of the largest element of the last dimension, int32."""
    options = schema.ArgMaxOptionsT()
    options.outputType = DTYPES["int32"]
    axis = x.graph.constant(np.int32(len(x.shape) - 1))
    output = (x.shape[:-1], "int32")
    return x.graph.operator(Op.ARG_MAX, [x, axis], [output], options, Options.ArgMaxOptions)[0]


def top_k(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` largest elements of the last dimension, the largest first, and their int32 indices."""
    shape = (*x.shape[:-1], count)
    inputs, outputs = [x, x.graph.constant(np.int32(count))], [(shape, x.dtype), (shape, "int32")]
    options = schema.TopKV2OptionsT()
    values, indices = x.graph.operator(Op.TOPK_V2, inputs, outputs, options, Options.TopKV2Options)
    return values, indices


def reshape(x: Tensor, shape: Sequence[int]) -> Tensor:
    """The same elements in another shape; one dimension may be -1."""
    options = schema.ReshapeOptionsT()
    options.newShape = np.array(shape, np.int32)
    target = x.graph.constant(options.newShape)
    return x.graph.operator(Op.RESHAPE, [x, target], [(shape, x.dtype)], options, Options.ReshapeOptions)[0]


def transpose(x: Tensor, order: Sequence[int]) -> Tensor:
    """Permute the dimensions."""
    shape = [x.shape[d] for d in order]
    permutation = x.graph.constant(order, "int32")
    inputs = [x, permutation]
    options = schema.TransposeOptionsT()
    return x.graph.operator(Op.TRANSPOSE, inputs, [(shape, x.dtype)], options, Options.TransposeOptions)[0]


def concat(tensors: Sequence[Tensor], axis: int) -> Tensor:
    """Join along one dimension."""
    first = tensors[0]
    axis %= len(first.shape)
    lengths = [t.shape[axis] for t in tensors]
    shape = list(first.shape)
    shape[axis] = -1 if -1 in lengths else sum(lengths)
    options = schema.ConcatenationOptionsT()
    options.axis = axis
    output = (shape, first.dtype)
    kind = Options.ConcatenationOptions
    return first.graph.operator(Op.CONCATENATION, tensors, [output], options, kind)[0]


def strided_slice(x: Tensor, begin: Sequence[int], end: Sequence[int | None], shape: Sequence[int]) -> Tensor:
    """The block x[begin:end], dimension by dimension as Python counts, of a known shape; None is the end.

    A mask says so: XNNPACK leaves a SLICE to the end to the interpreter, and a subgraph is cut in two there.
    """
    options = schema.StridedSliceOptionsT()
    options.endMask = sum(1 << axis for axis, at in enumerate(end) if at is None)
    bounds = (begin, [at or 0 for at in end], [1] * len(begin))
    constants = [x.graph.constant(numbers, "int32") for numbers in bounds]
    kind = Options.StridedSliceOptions
    return x.graph.operator(Op.STRIDED_SLICE, [x, *constants], [(shape, x.dtype)], options, kind)[0]


def slice_(x: Tensor, begin: Sequence[int], size: Sequence[int]) -> Tensor:
    """A block of `x`; a size of -1 reaches to the end."""
    end = [None if s < 0 else b + s for b, s in zip(begin, size, strict=True)]
    shape = [s if s >= 0 else (d - b if d >= 0 else -1) for b, s, d in zip(begin, size, x.shape, strict=True)]
    return strided_slice(x, begin, end, shape)


def all_but_last(x: Tensor) -> Tensor:
    """`x` without the last row of its first dimension, which has two at least."""
    length, *others = x.shape
    shape = (length if length == -1 else length - 1, *others)
    return strided_slice(x, [0] * len(shape), [-1, *[None] * len(others)], shape)


def split(x: Tensor, parts: int) -> tuple[Tensor, ...]:
    """Equal parts along the last dimension."""
    shape = (*x.shape[:-1], x.shape[-1] // parts)
    options = schema.SplitOptionsT()
    options.numSplits = parts
    axis = x.graph.constant(np.int32(len(x.shape) - 1))
    return x.graph.operator(
        Op.SPLIT, [axis, x], [(shape, x.dtype)] * parts, options, Options.SplitOptions, version=2
    )


def batch_matmul(a: Tensor, b: Tensor, *, transpose_b: bool = False) -> Tensor:
    """[..., n, k] x [..., k, m] -> [..., n, m]; `transpose_b` reads b as [..., m, k]."""
    options = schema.BatchMatMulOptionsT()
    options.adjY = transpose_b
    columns = b.shape[-2] if transpose_b else b.shape[-1]
    shape = (*broadcast(a.shape[:-2], b.shape[:-2]), a.shape[-2], columns)
    kind = Options.BatchMatMulOptions
    return a.graph.operator(Op.BATCH_MATMUL, [a, b], [(shape, a.dtype)], options, kind)[0]


def fully_connected(x: Tensor, weight: Tensor, bias: Tensor | None, *, version: int) -> Tensor:
    """Product of x [..., in] and weight [out, in] transposed, plus bias [out].

    With an int8 weight and float x the kernel quantizes x itself, row by row (dynamic range).
    """
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = True
    options.asymmetricQuantizeInputs = weight.dtype != "float32"
    shape = (*x.shape[:-1], weight.shape[0])
    inputs = [x, weight, bias]
    kind = Options.FullyConnectedOptions
    return x.graph.operator(Op.FULLY_CONNECTED, inputs, [(shape, "float32")], options, kind, version=version)[
        0
    ]


def fully_connected_fixed(x: Tensor, weight: Quantized, level: float) -> Tensor:
    """Product of x [..., in] and weight [out, in] transposed, all in int8, as float32 numbers of levels.

    Args:
        x: float32, rounded to multiples of `level`, at most 127 of them.
        weight: int8; its scales turn a product of levels into the output's levels.
        level: What one level of x is worth.
    """
    g = x.graph
    kind, fixed = Options.FullyConnectedOptions, schema.FullyConnectedOptionsT()
    fixed.keepNumDims = True
    shape = (*x.shape[:-1], len(weight.values))
    (levels,) = g.operator(
        Op.QUANTIZE,
        [x],
        [(x.shape, "int8")],
        schema.QuantizeOptionsT(),
        Options.QuantizeOptions,
        quantization=g.model.levels(level),
    )
    (product,) = g.operator(
        Op.FULLY_CONNECTED,
        [levels, g.quantized(weight), None],
        [(shape, "int8")],
        fixed,
        kind,
        version=5,
        quantization=g.model.levels(1.0),
    )
    return dequantize(product)


def gather(table: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """Rows of `table` [n, ...] by int32 indices [...]."""
    options = schema.GatherOptionsT()
    options.axis = axis
    shape = (*table.shape[:axis], *indices.shape, *table.shape[axis + 1 :])
    output = (shape, table.dtype)
    kind = Options.GatherOptions
    return table.graph.operator(Op.GATHER, [table, indices], [output], options, kind)[0]


def embedding_lookup(ids: Tensor, table: Tensor, *, version: int) -> Tensor:
    """Rows of `table` [n, width] as float32; an int8 table is dequantized on the way."""
    shape = (*ids.shape, table.shape[-1])
    return ids.graph.operator(Op.EMBEDDING_LOOKUP, [ids, table], [(shape, "float32")], version=version)[0]


def dequantize(x: Tensor) -> Tensor:
    """The float32 values of int8 levels, or of a float16 constant (a delegate does it once, at load)."""
    options, version = schema.DequantizeOptionsT(), 3 if x.dtype == "float16" else 2
    kind = Options.DequantizeOptions
    return x.graph.operator(Op.DEQUANTIZE, [x], [(x.shape, "float32")], options, kind, version=version)[0]


def cast(x: Tensor, dtype: str) -> Tensor:
    """Convert the element type."""
    options = schema.CastOptionsT()
    options.inDataType, options.outDataType = DTYPES[x.dtype], DTYPES[dtype]
    return x.graph.operator(Op.CAST, [x], [(x.shape, dtype)], options, Options.CastOptions)[0]


def shape(x: Tensor) -> Tensor:
    """The dimensions of x, int32 [rank]."""
    options = schema.ShapeOptionsT()
    options.outType = DTYPES["int32"]
    output = ((len(x.shape),), "int32")
    return x.graph.operator(Op.SHAPE, [x], [output], options, Options.ShapeOptions)[0]


def arange(count: Tensor) -> Tensor:
    """The numbers 0, 1, … below `count` int32 [1]; as many as it says (dynamic)."""
    g = count.graph
    bounds = [g.constant(np.int32(0)), reshape(count, []), g.constant(np.int32(1))]
    options = schema.RangeOptionsT()
    return g.operator(Op.RANGE, bounds, [((-1,), "int32")], options, Options.RangeOptions)[0]


def fill(g: Graph, shape: Sequence[int], value: float) -> Tensor:
    """One float32 number everywhere, without a constant of that size in the file."""
    inputs = [g.constant(shape, "int32"), g.constant(np.float32(value))]
    return g.operator(Op.FILL, inputs, [(shape, "float32")], schema.FillOptionsT(), Options.FillOptions)[0]


def dynamic_update_slice(x: Tensor, update: Tensor, start: Tensor) -> Tensor:
    """Overwrite a block of x at int32 indices [rank]."""
    options = schema.DynamicUpdateSliceOptionsT()
    kind = Options.DynamicUpdateSliceOptions
    return x.graph.operator(Op.DYNAMIC_UPDATE_SLICE, [x, update, start], [(x.shape, x.dtype)], options, kind)[
        0
    ]


def while_loop(condition: Graph, body: Graph, state: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Repeat `body` while `condition` holds; both take the state, `body` returns it anew."""
    options: Any = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = condition.position, body.position
    outputs = [(t.shape, t.dtype) for t in state]
    return state[0].graph.operator(Op.WHILE, state, outputs, options, Options.WhileOptions)
