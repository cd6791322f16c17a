from __future__ import annotations

from typing import Any

import pytest

from app.errors import ModelRefusedError
from app.model import runtime
from app.model.runtime import resolve_runtime


def installed(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    monkeypatch.setattr(runtime, "find_spec", lambda name: name if name in packages else None)


@pytest.mark.parametrize(
    ("wanted", "packages", "chosen"),
    [
        ("auto", ["ai_edge_litert", "tflite_runtime"], "litert"),
        ("auto", ["tflite_runtime"], "tflite-runtime"),
        ("litert", ["ai_edge_litert", "tflite_runtime"], "litert"),
        ("tflite-runtime", ["ai_edge_litert", "tflite_runtime"], "tflite-runtime"),
    ],
)
def test_the_runtime_asked_for_or_the_first_installed(
    monkeypatch: pytest.MonkeyPatch, wanted: Any, packages: list[str], chosen: str
) -> None:
    installed(monkeypatch, *packages)
    assert resolve_runtime(wanted) == chosen


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ("auto", "runtime auto: ai_edge_litert or tflite_runtime is not installed"),
        ("tflite-runtime", "runtime tflite-runtime: tflite_runtime is not installed"),
    ],
)
def test_a_runtime_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, wanted: Any, line: str) -> None:
    installed(monkeypatch)
    with pytest.raises(ModelRefusedError, match=f"^{line}$"):
        resolve_runtime(wanted)
