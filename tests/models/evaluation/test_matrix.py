from __future__ import annotations

import io
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from app.model.manifest import write_manifest
from models.evaluation import matrix
from models.evaluation.matrix import Cell, fill, matrix_table
from models.evaluation.perplexity import Quality
from tests.tiny import TinyModel

pytestmark = pytest.mark.slow

QUALITY = Quality("quality.txt", 512, 12.6, 12.0, 0.9512, 3.25, 0.5, 4.0).record


@pytest.fixture
def commands(tiny_model: TinyModel, text_ops: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is run; a build of int4 ends with an error, one of int8 dies, the others give the tiny model."""
    seen = list[list[str]]()

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        arguments = command[3:]
        seen.append(arguments)
        failed: dict[str, tuple[int, str]] = {"int4": (1, "[ 50 %] x\nerror: int4: no\n"), "int8": (-11, "")}
        if arguments[0] == "quality":
            return subprocess.CompletedProcess(command, 0, "", "")
        output = Path(arguments[arguments.index("--output") + 1])
        quantize = arguments[arguments.index("--quantize") + 1]
        if quantize in failed:
            status, shown = failed[quantize]
            return subprocess.CompletedProcess(command, status, "", shown)
        if not (output.parent / "text_ops").exists():
            (output.parent / "text_ops").symlink_to(text_ops)
        output.write_bytes(tiny_model.path.read_bytes())
        changes = {"file": output.name, "quantization": quantize, "quality": QUALITY}
        write_manifest(tiny_model.manifest.model_copy(update=changes), output.parent)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(matrix, "_is_busy", lambda: False)
    return seen


def test_every_format_is_built_and_measured_on_every_runtime(
    commands: list[list[str]], tmp_path: Path
) -> None:
    cells = list(fill([None, Path("some.gguf")], tmp_path, 512))
    assert len(cells) == 20
    assert {(cell.source, cell.target) for cell in cells} == {
        (source, target) for source in ("default", "some") for target in ("litert", "tflite-runtime")
    }
    reasons = {cell.quantize: cell.reason for cell in cells}
    assert reasons == {
        "none": "",
        "float16": "",
        "dynamic": "",
        "int8": "ended with status -11",
        "int4": "int4: no",
    }
    assert all((cell.manifest is None) == bool(cell.reason) for cell in cells)
    assert sum(command[0] == "quality" for command in commands) == 12
    assert commands[-2][1:3] == ["--source", "some.gguf"]


def test_what_is_there_is_measured_and_not_built_again(commands: list[list[str]], tmp_path: Path) -> None:
    list(fill([None], tmp_path, 512))
    commands.clear()
    list(fill([None], tmp_path, 256))
    assert sorted({command[0] for command in commands}) == ["build", "quality"]
    assert sum(command[0] == "build" for command in commands) == 4  # the failed ones
    assert all(command[-1] == "256" for command in commands if command[0] == "quality")


def test_a_file_that_gives_no_text_has_a_reason(
    commands: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> Any:
        raise RuntimeError("a kernel failed")

    monkeypatch.setattr(matrix, "open_text_model", broken)
    assert next(fill([None], tmp_path, 512)).reason == "serving_default: a kernel failed"


def test_a_row_a_cell_and_a_star_where_others_worked(tiny: Callable[..., TinyModel]) -> None:
    manifest = tiny().manifest.model_copy(
        update={"bytes": 206_000, "weight_bytes": 200_000, "quality": QUALITY}
    )
    cells = [
        Cell("default", "none", "litert", manifest),
        Cell("default", "dynamic", "litert", manifest, busy=True),
        Cell("default", "int4", "litert", None, "int4: no"),
    ]
    shown = io.StringIO()
    Console(file=shown, width=140).print(matrix_table(cells))
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in shown.getvalue().splitlines()]
    measured = ["0.2", "1.030", "+5.00 %", "0.9512"]
    assert ["default", "none", "litert", *measured, "2000", "250"] in rows
    assert ["default", "dynamic", "litert", *measured, "2000*", "250*"] in rows
    assert ["default", "int4", "litert", "", "", "int4: no", "", "", ""] in rows


def test_an_idle_machine_is_told_from_a_busy_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    for spent, busy in (((5, 95), False), ((20, 80), True)):
        lines = iter([f"cpu 0 0 {s} {i} 0\n" for s, i in ((0, 0), spent)])
        monkeypatch.setattr(Path, "read_text", lambda path, lines=lines: next(lines))
        assert matrix._is_busy() is busy
