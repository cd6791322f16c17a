"""Which of the runtimes runs the model."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from app.errors import ModelRefusedError

RuntimeName = Literal["litert", "tflite-runtime"]


PACKAGES: dict[RuntimeName, str] = {
    "litert": "ai_edge_litert",
    "tflite-runtime": "tflite_runtime",
}
"""The package of each runtime; the preferred one first."""


def resolve_runtime(wanted: Literal["auto"] | RuntimeName) -> RuntimeName:
    """The runtime of that name; of `auto` the first that is installed.

    Raises:
        ModelRefusedError: It is not installed.
    """
    names = [name for name in PACKAGES if wanted in (name, "auto")]
    for name in names:
        if find_spec(PACKAGES[name]):
            return name
    packages = " or ".join(PACKAGES[name] for name in names)
    raise ModelRefusedError(f"runtime {wanted}: {packages} is not installed")
