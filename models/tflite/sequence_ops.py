"""Operators on sequences `[n]` and on strings, as functions from tensors to tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from models.tflite.graph import Op, Tensor, broadcast
from models.tflite.ops import reduce, reshape, strided_slice

Options = schema.BuiltinOptions


def equal(a: Tensor, b: Tensor | int) -> Tensor:
    """Where a == b, bool."""
    return a.graph.binary(Op.EQUAL, Options.EqualOptions, schema.EqualOptionsT(), a, b, "bool")


def not_equal(a: Tensor, b: Tensor | int) -> Tensor:
    """Where a != b, bool."""
    return a.graph.binary(Op.NOT_EQUAL, Options.NotEqualOptions, schema.NotEqualOptionsT(), a, b, "bool")


def less(a: Tensor, b: Tensor | float) -> Tensor:
    """Where a < b, bool."""
    return a.graph.binary(Op.LESS, Options.LessOptions, schema.LessOptionsT(), a, b, "bool")


def greater(a: Tensor, b: Tensor | int) -> Tensor:
    """Where a > b, bool."""
    return a.graph.binary(Op.GREATER, Options.GreaterOptions, schema.GreaterOptionsT(), a, b, "bool")


def both(a: Tensor, b: Tensor) -> Tensor:
    """Where both hold, bool."""
    return a.graph.binary(Op.LOGICAL_AND, Options.LogicalAndOptions, schema.LogicalAndOptionsT(), a, b)


def either(a: Tensor, b: Tensor) -> Tensor:
    """Where at least one holds, bool."""
    return a.graph.binary(Op.LOGICAL_OR, Options.LogicalOrOptions, schema.LogicalOrOptionsT(), a, b)


def minimum(a: Tensor, b: Tensor | float) -> Tensor:
    """The smaller one, element by element."""
    options = schema.MaximumMinimumOptionsT()
    return a.graph.binary(Op.MINIMUM, Options.MaximumMinimumOptions, options, a, b)


def floor_mod(a: Tensor, b: Tensor | float) -> Tensor:
    """Remainder with the divisor's sign."""
    return a.graph.binary(Op.FLOOR_MOD, Options.FloorModOptions, schema.FloorModOptionsT(), a, b)


def select(condition: Tensor, a: Tensor, b: Tensor | int) -> Tensor:
    """The element of a where `condition` holds, else that of b."""
    other = b if isinstance(b, Tensor) else a.graph.constant(b, a.dtype)
    output = (broadcast(broadcast(condition.shape, a.shape), other.shape), a.dtype)
    inputs, kind = [condition, a, other], Options.SelectV2Options
    return a.graph.operator(Op.SELECT_V2, inputs, [output], schema.SelectV2OptionsT(), kind)[0]


def cumsum(x: Tensor) -> Tensor:
    """Sum of every element and all before it."""
    inputs, kind = [x, x.graph.constant(0, "int32")], Options.CumsumOptions
    return x.graph.operator(Op.CUMSUM, inputs, [(x.shape, x.dtype)], schema.CumsumOptionsT(), kind)[0]


def lowest(x: Tensor) -> Tensor:
    """The least element, [1]; the largest integer when there is none."""
    return reduce(Op.REDUCE_MIN, x)


def segment_min(x: Tensor, segment: Tensor, segments: Tensor) -> Tensor:
    """Least element of each segment, [segments]; an empty one has the largest integer.

    The runtime raises when an element of `segment` [n] is not below `segments` [1].
    """
    options = schema.UnsortedSegmentMinOptionsT()
    inputs, output = [x, segment, segments], ((-1,), x.dtype)
    kind = Options.UnsortedSegmentMinOptions
    return x.graph.operator(Op.UNSORTED_SEGMENT_MIN, inputs, [output], options, kind)[0]


def segment_sum(x: Tensor, segment: Tensor, segments: Tensor) -> Tensor:
    """Sum of each segment, [segments]; the runtime raises as in `segment_min`."""
    options = schema.UnsortedSegmentSumOptionsT()
    inputs, output = [x, segment, segments], ((-1,), x.dtype)
    kind = Options.UnsortedSegmentSumOptions
    return x.graph.operator(Op.UNSORTED_SEGMENT_SUM, inputs, [output], options, kind)[0]


def where(condition: Tensor) -> Tensor:
    """Places at which `condition` [n] holds, int64."""
    output, kind = ((-1, 1), "int64"), Options.WhereOptions
    (places,) = condition.graph.operator(Op.WHERE, [condition], [output], schema.WhereOptionsT(), kind)
    return reshape(places, [-1])


def pad(x: Tensor, before: int, after: int | Tensor, value: int | Tensor = 0) -> Tensor:
    """Put `value` in front of x [n] and behind; the runtime raises when `after` [1] is negative."""
    constant = x.graph.constant
    length = -1
    if isinstance(after, Tensor):
        amounts = reshape(pad(after, 1, 0, before), [1, 2])
    else:
        amounts = constant([[before, after]], "int32")
        if x.shape[0] >= 0:
            length = before + x.shape[0] + after
    filling = reshape(value, []) if isinstance(value, Tensor) else constant(value, x.dtype)
    inputs, kind = [x, amounts, filling], Options.PadV2Options
    return x.graph.operator(Op.PADV2, inputs, [((length,), x.dtype)], schema.PadV2OptionsT(), kind)[0]


def cut(x: Tensor, begin: int, end: int | None) -> Tensor:
    """Part of x [n], x[begin:end] as Python counts."""
    return strided_slice(x, [begin], [end], [-1])


def previous(x: Tensor, first: int) -> Tensor:
    """The element before each one of x [n]; `first` before the first."""
    return cut(pad(x, 1, 0, first), 0, -1)


def following(x: Tensor, last: int) -> Tensor:
    """The element behind each one of x [n]; `last` behind the last."""
    return cut(pad(x, 0, 1, last), 1, None)


def byte_split(text: Tensor) -> Tensor:
    """Bytes of strings [b], one string after the other, uint8 [n]."""
    outputs = [((-1,), "uint8"), ((-1,), "int64"), ((-1,), "int32"), ((-1,), "int32")]
    return _text_operator("ByteSplitWithOffsets", text, outputs, {})[0]


def string_join(x: Tensor, width: int) -> Tensor:
    """Strings of each row of x [rows, width] joined to one, [rows]."""
    attributes = {"width": width, "axis": -1, "string_separator": "", "RAGGED_RANK": 0}
    (joined,) = _text_operator("NgramsStringJoin", x, [((x.shape[0], 1), "string")], attributes)
    return reshape(joined, [x.shape[0]])


def _text_operator(
    name: str, x: Tensor, outputs: Sequence[tuple[tuple[int, ...], str]], attributes: Mapping[str, Any]
) -> tuple[Tensor, ...]:
    """Append an operator of TF-Text; its kernels crash without a map of attributes, even an empty one."""
    options = bytes(flexbuffers.Dumps(attributes))
    return x.graph.operator(Op.CUSTOM, [x], outputs, custom=f"TFText>{name}", custom_options=options)
