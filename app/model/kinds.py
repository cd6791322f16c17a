"""What an engine must know to run a model file that was not built here; picklable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StaticDecoder:
    """A TFLite model as litert-torch exports it: `prefill_T` and `decode` over caches of fixed length.

    Attributes:
        begin, end: The bytes of the file that are the model.
        prefill: T of each signature `prefill_T`, ascending.
        caches: Shape of each cache, an input and an output of every signature, by name.
        start_id: Token put before every prompt that does not begin with it; None for nothing.
    """

    begin: int
    end: int
    prefill: tuple[int, ...]
    caches: Mapping[str, tuple[int, ...]]
    start_id: int | None = None

    @property
    def length(self) -> int:
        """Places of the caches."""
        return self.caches["kv_cache_k_0"][2]


@dataclass(frozen=True, slots=True)
class WholeText:
    """A TFLite model that turns a text into a text in one call.

    Attributes:
        signature, prompt, completion: Names of the signature, of its input and of its output.
        text_ops: Folder of the shared object with TF-Text's operators.
    """

    signature: str
    prompt: str
    completion: str
    text_ops: Path


Foreign = StaticDecoder | WholeText
