from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from app.model.manifest import Manifest, write_manifest
from models.errors import BuildError
from models.evaluation.perplexity import Quality
from models.evaluation.report import draw, measured, quality_table
from tests.tiny import TinyModel

QUALITY = Quality("quality.txt", 600, 12.6, 12.0, 0.9512, 3.25, 0.5, 2.25)


@pytest.fixture
def manifest(tiny_model: TinyModel) -> Manifest:
    return tiny_model.manifest.model_copy(
        update={"quality": QUALITY.record, "bytes": 140_300_000, "weight_bytes": 140_000_000}
    )


def test_a_column_a_file(manifest: Manifest) -> None:
    other = manifest.model_copy(update={"file": "other.tflite"})
    shown = io.StringIO()
    Console(file=shown, width=120).print(quality_table([manifest, other]))
    rows = [[cell.strip() for cell in line.strip("│┃").split("│")] for line in shown.getvalue().splitlines()]
    assert "tiny.tflite" in shown.getvalue()
    assert "other.tflite" in shown.getvalue()
    assert ["change", "+5.00 %", "+5.00 %"] in rows
    assert ["size", "140.3 MB", "140.3 MB"] in rows
    assert ["size over the weights'", "1.002", "1.002"] in rows
    assert ["next-token agreement", "0.9512", "0.9512"] in rows
    assert ["decode", "2.25 ms a token", "2.25 ms a token"] in rows


def test_a_picture_is_drawn(manifest: Manifest, tmp_path: Path) -> None:
    draw([manifest], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]


def test_a_file_that_was_not_measured_is_named(manifest: Manifest, tmp_path: Path) -> None:
    write_manifest(manifest.model_copy(update={"quality": {}}), tmp_path)
    with pytest.raises(BuildError, match=r"python -m models quality .*tiny\.tflite$"):
        measured(tmp_path / "tiny.tflite")
    write_manifest(manifest, tmp_path)
    assert measured(tmp_path / "tiny.tflite") == manifest


def test_perplexities_of_different_tokens_are_not_drawn(manifest: Manifest, tmp_path: Path) -> None:
    other = manifest.model_copy(update={"quality": {**QUALITY.record, "tokens": 512.0}})
    with pytest.raises(BuildError, match="the same number of tokens"):
        draw([manifest, other], tmp_path / "plot.png")
    assert list(tmp_path.iterdir()) == []
