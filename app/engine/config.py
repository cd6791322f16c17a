"""What an engine process is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.engine.shape import ModelShape

RuntimeName = Literal["litert", "tflite-runtime"]


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything an engine needs to know; picklable.

    Attributes:
        digest: The model file's sha256, checked by the caller.
        threads: Threads of the runtime.
        slots: Sequences decoded at the same time.
        prefill_chunk: Most prompt tokens computed between two decode steps.
        cache_bytes: Of keys and values: running sequences take what they need, earlier prompts the rest.
        cache_folder: Where packed weights are kept; writable the first time.
        drafting: Whether a sequence that is alone may guess its next tokens.
    """

    model: Path
    digest: str
    runtime: RuntimeName
    shape: ModelShape
    threads: int
    slots: int
    prefill_chunk: int
    cache_bytes: int
    cache_folder: Path
    drafting: bool = True
