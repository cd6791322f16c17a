"""Element types of tensors: their names here and in the TFLite schema."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

DTYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "int4": schema.TensorType.INT4,
    "bool": schema.TensorType.BOOL,
    "string": schema.TensorType.STRING,
}
