"""Graphs written and run on the spot."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.model.runtime import PACKAGES
from app.model.text_ops import text_op_registerers
from models.tflite.graph import Array, Model, Tensor
from tests.conftest import Runtime

Evaluate = Callable[..., Any]


@pytest.fixture
def compiled(runtime: Runtime, text_ops: Path) -> Callable[..., Callable[..., Array]]:
    """Makes a function of arrays out of a function of tensors; arrays of objects are strings."""

    def make(write: Callable[..., Tensor], *like: Array) -> Callable[..., Array]:
        model = Model("test")
        graph = model.subgraph("test")
        inputs = []
        for n, array in enumerate(like):
            dtype = "string" if array.dtype == object else array.dtype.name
            inputs.append(graph.input(f"x{n}", [-1] * array.ndim, dtype))
        graph.output("y", write(*inputs))
        model.signature(graph)
        package = import_module(f"{PACKAGES[runtime]}.interpreter")
        interpreter = package.InterpreterWithCustomOps(
            model_content=bytes(model.pack()),
            custom_op_registerers=text_op_registerers(text_ops),
            experimental_op_resolver_type=package.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        runner = interpreter.get_signature_runner("test")

        def run(*arrays: Array) -> Array:
            result: Array = runner(**{f"x{n}": array for n, array in enumerate(arrays)})["y"]
            return result

        return run

    return make


@pytest.fixture
def evaluate(compiled: Callable[..., Callable[..., Array]]) -> Evaluate:
    """Runs a function of tensors on arrays or lists of integers, once."""

    def run(write: Callable[..., Tensor], *values: Any) -> Any:
        arrays = [v if isinstance(v, np.ndarray) else np.array(v, np.int32) for v in values]
        return compiled(write, *arrays)(*arrays).tolist()

    return run
