"""The checkpoint's weights as graph constants, in the number format of the build."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models import ops
from models.graph import Array, Graph, Quantized, Tensor
from models.quantize import Scheme, quantize_matrix

LOOKUP_VERSION = {"float32": 1, "int8": 3, "int4": 4}
DYNAMIC_RANGE_VERSION = {"channel": 12, "tensor": 3}


class Parameters:
    """Hands a checkpoint's weights to the graphs: matrices quantized by the scheme, vectors in float32.

    A matrix name may join several with `+`: their rows are stacked and share one product. The logits' matrix
    is the embedding where the checkpoint ties them.
    """

    def __init__(self, weights: Mapping[str, Array], scheme: Scheme) -> None:
        self._weights = weights
        self._scheme = scheme
        self._quantized: dict[str, Quantized] = {}

    def vector(self, graph: Graph, name: str) -> Tensor:
        """A norm gain or a table, float32."""
        return graph.constant(self._weights[name], "float32")

    def embedding(self, graph: Graph, ids: Tensor) -> Tensor:
        """Rows of the token embedding as float32 [..., D]."""
        table = self._matrix(graph, "embedding")
        if table.dtype == "float16":
            return ops.dequantize(ops.gather(table, ids))
        return ops.embedding_lookup(ids, table, version=LOOKUP_VERSION[table.dtype])

    def linear(self, graph: Graph, name: str, x: Tensor) -> Tensor:
        """Product of x [..., in] with the named matrix [out, in], plus its bias where there is one."""
        parts = name.split("+")
        if len(parts) > 1 and not self._scheme.joinable:
            return ops.concat([self.linear(graph, part, x) for part in parts], -1)
        weight = self._matrix(graph, name)
        if weight.dtype == "float16":
            weight = ops.dequantize(weight)
        version = 1 if weight.dtype == "float32" else DYNAMIC_RANGE_VERSION[self._scheme.granularity]
        return ops.fully_connected(x, weight, self._bias(graph, parts), version=version)

    def _bias(self, graph: Graph, parts: list[str]) -> Tensor | None:
        biases = [self._weights.get(f"{part}.bias") for part in parts]
        if all(bias is None for bias in biases):
            return None
        return graph.constant(np.concatenate([b for b in biases if b is not None]), "float32")

    def _matrix(self, graph: Graph, name: str) -> Tensor:
        if name == "head" and name not in self._weights:
            name = "embedding"
        if self._scheme.dtype in ("float32", "float16"):
            return graph.constant(self._rows(name), self._scheme.dtype)
        if name not in self._quantized:
            self._quantized[name] = quantize_matrix(name, self._rows(name), self._scheme)
        return graph.quantized(self._quantized[name])

    def _rows(self, name: str) -> Array:
        return np.concatenate([self._weights[part] for part in name.split("+")])
