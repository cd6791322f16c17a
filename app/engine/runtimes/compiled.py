"""Opens LiteRT's CompiledModel over packed weights, and wraps host memory for it."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from app.engine.kv.arrays import float_zeros
from app.engine.runtimes.host_buffer import Array, host_buffers
from app.engine.runtimes.stderr import quiet, silence
from app.engine.runtimes.weight_cache import PackedWeights

Wrap = Callable[[Array], Any]
"""Makes a LiteRT buffer over an array, with no copy."""


def open_compiled(path: Path, weights: PackedWeights, threads: int) -> tuple[Any, Wrap]:
    """A CompiledModel whose packed weights come from a file, or go to one, and what wraps its arrays.

    Raises:
        RuntimeError: LiteRT cannot load the file.
    """
    with ThreadPoolExecutor(1) as beside:  # the import takes as long as looking for the packed weights
        finding = beside.submit(weights.find)
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.options import CpuOptions, Options

        found = finding.result()

    def load(packed: Path) -> Any:
        cpu = CpuOptions(num_threads=threads, xnnpack_weight_cache_path=str(packed))
        return CompiledModel.from_file(str(path), options=Options(cpu_options=cpu))

    # The model that has packed the weights is dropped: it keeps 27 MB that reading does not take.
    with quiet(), nullcontext(found) if found else weights.make(load) as packed:
        model = load(packed)
        wrap = host_buffers()
        wrap(float_zeros(1))  # the first buffer makes one more environment, which prints its own messages
    atexit.register(silence)
    return model, wrap
