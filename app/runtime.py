"""Which of the runtimes runs the model."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from app.engine.config import RuntimeName
from app.errors import ModelRefusedError

PACKAGES: dict[RuntimeName, str] = {
    "litert": "ai_edge_litert",
    "tflite-runtime": "tflite_runtime",
    "litert-lm": "litert_lm",
}
"""The package of each runtime; the preferred one first."""


def resolve_runtime(wanted: Literal["auto"] | RuntimeName) -> RuntimeName:
    """The runtime of that name; of `auto` the first that is installed.

    Raises:
        ModelRefusedError: It is not installed.
    """
    for name, package in PACKAGES.items():
        if wanted in ("auto", name) and find_spec(package):
            return name
    packages = " or ".join(package for name, package in PACKAGES.items() if wanted in ("auto", name))
    raise ModelRefusedError(f"runtime {wanted}: {packages} is not installed")
