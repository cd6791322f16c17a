"""What an engine process is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.model.file import descriptor_path
from app.model.kinds import Foreign
from app.model.runtime import RuntimeName
from app.model.shape import ModelShape


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything an engine needs to know; picklable.

    Attributes:
        digest: The model file's sha256, checked by the caller.
        descriptor: Of the model file where it is open already, so that a replaced name does not matter.
        threads: Threads of the runtime.
        slots: Sequences decoded at the same time.
        prefill_chunk: Most prompt tokens computed between two decode steps.
        cache_bytes: Of keys and values: no more sequences run than fit, earlier prompts have the rest.
        cache_folder: Where packed weights are kept; writable the first time.
        drafting: Whether a sequence that is alone may guess its next tokens.
        control_ids: Tokens that stand for no text.
        foreign: How a file that was not built here is run; None for one that was.
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
    descriptor: int | None = None
    control_ids: tuple[int, ...] = ()
    foreign: Foreign | None = None

    @property
    def place(self) -> Path:
        """Where the model file is read."""
        return self.model if self.descriptor is None else descriptor_path(self.descriptor, self.model)
