"""The engine without a process around it, for tools that run a model file to the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.engine.config import EngineConfig
from app.engine.messages import Failed, Generation, Tokens
from app.engine.runtimes.stderr import quiet
from app.engine.worker.process import open_scheduler
from app.errors import EngineFailedError
from app.model.manifest import Manifest
from app.model.pieces import control_ids
from app.model.shape import model_shape
from app.resources import usable_cores


def offline_config(model: Path, manifest: Manifest, **changes: Any) -> EngineConfig:
    """An engine over a file that this project built, with all cores and much memory.

    Args:
        model: The file.
        manifest: Its manifest.
        changes: Fields that are to be otherwise.
    """
    config = EngineConfig(
        model=model,
        digest=manifest.sha256,
        runtime="litert" if manifest.target == "litert" else "tflite-runtime",
        shape=model_shape(manifest),
        threads=usable_cores(),
        slots=8,
        prefill_chunk=128,
        cache_bytes=2**30,
        cache_folder=model.parent,
        control_ids=control_ids(manifest),
    )
    return replace(config, **changes)


@quiet()
def complete_greedily(
    model: Path, manifest: Manifest, prompts: Sequence[Sequence[int]], count: int
) -> list[list[int]]:
    """Greedy continuations of up to `count` tokens, in the order of the prompts.

    Raises:
        EngineFailedError: A prompt failed.
    """
    scheduler = open_scheduler(offline_config(model, manifest))
    found: list[list[int]] = [[] for _ in prompts]
    for number, prompt in enumerate(prompts):
        scheduler.submit(number, Generation(tuple(prompt), count, stop_ids=manifest.end_ids))
    while scheduler.busy:
        for message in scheduler.step():
            match message:
                case Tokens(number, ids):
                    found[number] += ids
                case Failed(number, reason):
                    raise EngineFailedError(reason)
    return found
