from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from app.model.manifest import read_manifest
from models import __main__ as command_line
from models import build as pipeline
from models.errors import DownloadError
from models.evaluation.matrix import Cell
from models.evaluation.parity import Agreement
from tests.tiny import TOY_VOCABULARY, gguf_fields, gguf_tensors, tiny_checkpoint, write_gguf

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    checkpoint = tiny_checkpoint("llama", TOY_VOCABULARY)
    return write_gguf(tmp_path / "toy.gguf", gguf_fields(checkpoint), gguf_tensors(checkpoint))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text_ops: Path) -> Any:
    """Runs a command; its exit status and the lines that it printed."""

    def extract(wheel: Path, folder: Path) -> dict[str, str]:
        if not folder.exists():
            folder.symlink_to(text_ops)
        return {}

    monkeypatch.setattr(pipeline, "fetch_wheel", lambda name, folder: folder)
    monkeypatch.setattr(pipeline, "extract_text_ops", extract)

    def run(*arguments: object) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["models", *map(str, arguments)])
        monkeypatch.setattr(command_line, "console", Console(stderr=True, width=200))
        with pytest.raises(SystemExit) as caught:
            command_line.main()
        printed = capsys.readouterr()
        assert printed.out == "" or "Usage" in printed.out
        return int(caught.value.code or 0), printed.err.splitlines()

    return run


def build(run: Any, source: Path, *more: object) -> tuple[int, list[str]]:
    output = source.parent / "out" / "toy.tflite"
    small = ("--sequence-length", 128, "--serving-window", 40, "--serving-tokens", 24)
    result: tuple[int, list[str]] = run("build", "--source", source, "--output", output, *small, *more)
    return result


def test_a_build_shows_its_stages_and_ends_with_what_was_built(run: Any, source: Path) -> None:
    status, lines = build(run, source, "--quantize", "none", "--target", "tflite-runtime")
    assert status == 0
    output = source.parent / "out" / "toy.tflite"
    manifest = read_manifest(output)
    assert (manifest.quantization, manifest.target, manifest.sequence_length) == (
        "none",
        "tflite-runtime",
        128,
    )
    finished = [line for line in lines if line.startswith("[")]
    assert "Write the graphs" in finished[2]
    assert finished[-1].startswith("[100 %]")
    size = f"{manifest.bytes / 1e6:.1f} MB"
    assert lines[-2] == f"{output}: toy, none, {size}, sha256 {manifest.sha256}"
    assert lines[-1] == f"serve it: AUTOCOMPLETE_MODEL={output} python -m app"


def test_a_sampler_is_baked_and_the_measurement_left_out(run: Any, source: Path) -> None:
    drawn = ("--serving-temperature", 0.8, "--serving-top-k", 40)
    kept = ("--serving-top-p", 0.9, "--serving-seed", 7)
    status, lines = build(run, source, "--quantize", "none", "--no-quality", *drawn, *kept)
    assert status == 0
    manifest = read_manifest(source.parent / "out" / "toy.tflite")
    assert manifest.serving == {
        "window": 40,
        "max_tokens": 24,
        "temperature": 0.8,
        "top_k": 40,
        "top_p": 0.9,
        "seed": 7,
    }
    assert manifest.quality == {}
    assert "quality: not measured" in lines


def test_a_matrix_names_each_cell_and_ends_with_a_table(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fill(sources: list[Path | None], folder: Path, tokens: int) -> list[Cell]:
        assert (sources, folder, tokens) == ([None, Path("a.gguf")], tmp_path, 64)
        return [Cell("default", "int4", "litert", None, "int4: no")]

    monkeypatch.setattr(command_line, "fill", fill)
    status, lines = run("matrix", tmp_path, "--source", "a.gguf", "--tokens", 64)
    assert status == 0
    assert lines[0] == "default, int4, litert: int4: no"
    assert "│ default │ int4" in lines[-2]


def test_a_verification_shows_a_table(run: Any, source: Path) -> None:
    build(run, source, "--quantize", "none")
    output = source.parent / "out" / "toy.tflite"
    status, lines = run("verify", output, "--source", source, "--texts", 50)
    assert status == 0
    cells = [[cell.strip() for cell in line.strip("│┃").split("│")] for line in lines if "│" in line]
    assert cells[0] == ["texts by token ids", "50", "50", "100.0 %"]
    assert cells[1] == ["greedy continuations", "20", "20", "100.0 %"]
    assert cells[2][3] == "100.0 %"


def test_other_token_ids_are_an_error(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    agreement = Agreement(2000, 1998, 20, 20, 640, 640)
    monkeypatch.setattr(command_line, "verify", lambda *arguments: agreement)
    status, lines = run("verify", "some.tflite")
    assert status == 1
    assert lines[-1] == "error: some.tflite: 2 texts have other token ids"


def test_other_greedy_text_alone_is_none(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    agreement = Agreement(2000, 2000, 20, 11, 640, 500)
    monkeypatch.setattr(command_line, "verify", lambda *arguments: agreement)
    assert run("verify", "some.tflite")[0] == 0


def error(lines: list[str]) -> list[str]:
    """What was printed beside the finished stages and empty lines."""
    return [line for line in lines if line and not line.startswith("[")]


def test_a_missing_checkpoint_is_one_line(run: Any, tmp_path: Path) -> None:
    status, lines = build(run, tmp_path / "none.gguf")
    assert (status, error(lines)) == (1, [f"error: {tmp_path}/none.gguf: not found"])


def test_options_that_do_not_fit_are_one_line(run: Any, source: Path) -> None:
    status, lines = build(run, source, "--serving-tokens", 25)
    reason = "serving_default: window and tokens together must be a multiple of 64"
    assert (status, error(lines)) == (1, [f"error: {reason}"])


def test_a_failed_download_is_one_line(run: Any, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, folder: Path) -> Path:
        raise DownloadError(f"{name}: [no] network")

    monkeypatch.setattr(pipeline, "fetch_wheel", fail)
    status, lines = build(run, source)
    assert (status, error(lines)) == (1, ["error: tensorflow-text: [no] network"])


def test_a_file_without_a_manifest_is_one_line(run: Any, tmp_path: Path) -> None:
    status, lines = run("verify", tmp_path / "none.tflite")
    reason = f"{tmp_path}/none.manifest.json: not found; build the model with: python -m models build"
    assert (status, error(lines)) == (1, [f"error: {reason}"])


@pytest.mark.parametrize(
    "arguments", [["build", "--quantize", "int3"], ["build", "--sequence-length", "many"], ["dance"]]
)
def test_an_unknown_option_is_a_usage_error(run: Any, arguments: list[str]) -> None:
    status, lines = run(*arguments)
    assert status == 2
    assert any("Usage" in line for line in lines)


def test_help_names_both_commands() -> None:
    command = [sys.executable, "-m", "models", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "build" in done.stdout
    assert "verify" in done.stdout
    assert done.stderr == ""
