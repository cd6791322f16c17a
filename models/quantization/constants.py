"""The checkpoint's weights as graph constants, in the number format of the build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from models.checkpoint.architecture import Architecture
from models.checkpoint.weights import changed, shape_of
from models.quantization.rounding import Ranges, Scheme, half, quantize_matrix
from models.tflite import ops
from models.tflite.graph import Array, Graph, Quantized, Tensor

LOOKUP_VERSION = {"float32": 1, "int8": 3, "int4": 4}
PER_CHANNEL_VERSION, ONE_SCALE_VERSION = 12, 3
"""Of FULLY_CONNECTED with integer weights and float inputs."""

ONE = np.ones(1, np.float32)


class Parameters:
    """Hands a checkpoint's weights to the graphs: matrices quantized by the scheme, vectors in float32.

    A matrix name may join several with `+`: their rows are stacked and share one product. The logits' matrix
    is the embedding where the checkpoint ties them. What `rounded` holds is taken as it is; a matrix in
    `ranges` computes with fixed scales.
    """

    def __init__(
        self,
        weights: Mapping[str, Array],
        scheme: Scheme,
        rounded: Mapping[str, Quantized] = MappingProxyType({}),
        ranges: Mapping[str, Ranges] = MappingProxyType({}),
    ) -> None:
        self._weights = weights
        self._scheme = scheme
        self._quantized = dict(rounded)
        self._ranges = ranges
        self._bytes: dict[str, int] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._weights

    def size(self, name: str) -> int:
        """Rows of a matrix or table."""
        return shape_of(self._weights, name)[0]

    @property
    def bytes(self) -> int:
        """Of all that was handed out so far, each once: integers at their width, scales, floats."""
        return sum(self._bytes.values())

    def vector(self, graph: Graph, name: str) -> Tensor:
        """A norm gain or a table, float32."""
        return self._floats(graph, name, self._weights[name])

    def numbers(self, name: str) -> list[float]:
        """A small vector as numbers for the graph."""
        return [float(value) for value in self._weights[name]]

    def by_head(self, graph: Graph, parts: Sequence[tuple[str, int]], size: int) -> Tensor:
        """Vectors [size] or [heads * size] of some parts with so many heads each, float32 [heads, size]."""
        rows = [
            np.broadcast_to(self._weights[name].reshape(-1, size), (heads, size)) for name, heads in parts
        ]
        return self._floats(graph, "+".join(name for name, _ in parts), np.concatenate(rows))

    def mix(self, graph: Graph, name: str, x: Tensor) -> Tensor:
        """Product of x [..., in] with a small matrix [out, in] that stays float32, plus its bias."""
        weight = self._floats(graph, name, self._weights[name])
        return ops.fully_connected(x, weight, self._bias(graph, [name]), version=1)

    def embedding(self, graph: Graph, ids: Tensor) -> Tensor:
        """Rows of the token embedding as float32 [..., D]."""
        table = self._matrix(graph, "embedding")
        if table.dtype == "float16":
            if self._scheme.classic:
                return ops.gather(ops.dequantize(table), ids)  # once: the table is a constant
            return ops.dequantize(ops.gather(table, ids))
        rows = ops.embedding_lookup(ids, table, version=LOOKUP_VERSION[table.dtype])
        if table.dtype == "float32" or not self._scheme.classic:
            return rows
        return rows * ops.reshape(ops.gather(self._scales(graph, "embedding"), ids), [*ids.shape, 1])

    def linear(self, graph: Graph, name: str, x: Tensor) -> Tensor:
        """Product of x [..., in] with the named matrix [out, in], plus its bias where there is one."""
        if name == "head" and name not in self._weights:
            name = "embedding"
        bias = self._bias(graph, name.split("+"))
        if name in self._ranges:
            y = self._fixed(name, x)
            return y if bias is None else y + bias
        weight = self._matrix(graph, name)
        if weight.dtype in ("float32", "float16"):
            if weight.dtype == "float16":
                weight = ops.dequantize(weight)
            return ops.fully_connected(x, weight, bias, version=1)
        if not self._scheme.classic:
            return ops.fully_connected(x, weight, bias, version=PER_CHANNEL_VERSION)
        y = ops.fully_connected(x, weight, None, version=ONE_SCALE_VERSION) * self._scales(graph, name)
        return y if bias is None else y + bias

    def _fixed(self, name: str, x: Tensor) -> Tensor:
        """Every product counts levels of its own range: the weight's scales bring it there, a factor back."""
        weight, ranges = self._integers(name), self._ranges[name]
        y = ops.fully_connected_fixed(
            x, replace(weight, scales=weight.scales / ranges.products), ranges.input
        )
        return y * self._floats(x.graph, f"{name} products", ranges.products)

    def _bias(self, graph: Graph, parts: list[str]) -> Tensor | None:
        """Of all parts or of none."""
        if f"{parts[0]}.bias" not in self._weights:
            return None
        biases = np.concatenate([self._weights[f"{part}.bias"] for part in parts])
        return self._floats(graph, f"{'+'.join(parts)}.bias", biases)

    def _matrix(self, graph: Graph, name: str) -> Tensor:
        dtype = self._scheme.table_dtype if name in ("embedding", "head") else self._scheme.dtype
        if dtype in ("float32", "float16"):
            return self._floats(graph, name, self._rows(name), dtype)
        if name not in self._quantized:
            block = 0 if name in ("embedding", "head") else self._scheme.block
            self._quantized[name] = quantize_matrix(name, self._rows(name), dtype, block)
        weight = self._integers(name)
        return graph.quantized(replace(weight, scales=ONE) if self._scheme.classic else weight)

    def _integers(self, name: str) -> Quantized:
        weight = self._quantized[name]
        self._bytes[name] = weight.bytes
        return weight

    def _floats(self, graph: Graph, name: str, values: Array, dtype: str = "float32") -> Tensor:
        self._bytes[name] = values.size * np.dtype(dtype).itemsize
        return graph.constant(half(name, values) if dtype == "float16" else values, dtype)

    def _scales(self, graph: Graph, name: str) -> Tensor:
        """Of the rows [out] of an integer matrix that is in the graph."""
        return graph.constant(self._quantized[name].scales, "float32")

    def _rows(self, name: str) -> Array:
        return np.concatenate([self._weights[part] for part in name.split("+")])


def scale_queries(weights: Mapping[str, Array], arch: Architecture) -> Mapping[str, Array]:
    """Attention's factor in the query rows, or in their norm's gain, where it costs nothing.

    The rows' own scales absorb it.
    """
    parts = ("q_norm", "q_norm.bias") if arch.head_norm else ("q", "q.bias")
    names = {f"{n}.{part}" for n in range(arch.layers) for part in parts}
    return changed(weights, {name: lambda w: w * arch.scale for name in names})
