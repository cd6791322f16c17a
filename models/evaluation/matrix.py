"""Every number format on every runtime, for some checkpoints: built, measured, or refused with a reason.

Each build and each measurement is a process of its own: what one leaves in memory weighs on no other, and a
crash is a reason like any other.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

from rich.table import Table

from app.errors import ModelRefusedError
from app.model.manifest import Manifest, read_manifest, verify_file
from app.model.tokenizer import open_text_model
from models.evaluation.report import size_ratio
from models.options import Quantization, Target

PROMPT = "The quick brown fox"


@dataclass(frozen=True, slots=True)
class Cell:
    """One file, or why there is none.

    Attributes:
        source: The checkpoint's name on the command line; "default" for the default weights.
        manifest: Of the file, with what was measured; None where it could not be had.
        reason: Why not.
        busy: Whether other work was on the machine when the measurement began.
    """

    source: str
    quantize: Quantization
    target: Target
    manifest: Manifest | None
    reason: str = ""
    busy: bool = False


def fill(sources: Sequence[Path | None], folder: Path, tokens: int) -> Iterator[Cell]:
    """Build what is not there yet and measure everything anew.

    Args:
        sources: Checkpoints; None for the default weights.
        folder: Gets a file a cell.
        tokens: Of the text that each file is measured on.
    """
    for source, target, quantize in product(sources, get_args(Target), get_args(Quantization)):
        name = source.stem if source else "default"
        model = folder / f"{name}.{quantize}.{target}.tflite"
        given = ["--source", str(source)] if source else []
        chosen = ["--quantize", quantize, "--target", target, "--output", str(model), "--no-quality"]
        reason = "" if _is_built(model) else _run("build", *given, *chosen)
        busy = _is_busy()
        reason = reason or _run("quality", str(model), *given, "--tokens", str(tokens))
        reason = reason or _serve(model, target)
        yield Cell(name, quantize, target, None if reason else read_manifest(model), reason, busy)


def _is_built(model: Path) -> bool:
    try:
        verify_file(model, read_manifest(model))
    except ModelRefusedError:
        return False
    return True


def _run(*arguments: str) -> str:
    """Run a command of this package; the reason why it failed, or nothing."""
    done = subprocess.run([sys.executable, "-m", "models", *arguments], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return errors[-1].removeprefix("error: ") if errors else f"ended with status {done.returncode}"


def _is_busy() -> bool:
    """Whether the processors have less than nine tenths of half a second to spare (`proc(5)`, /proc/stat)."""

    def read() -> list[int]:
        return [int(part) for part in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]

    before = read()
    time.sleep(0.5)
    spent = [b - a for a, b in zip(before, read(), strict=True)]
    return spent[3] < 0.9 * sum(spent)


def _serve(model: Path, target: Target) -> str:
    """Ask `serving_default` for a text; the reason why it gives none, or nothing."""
    try:
        text = open_text_model(model, model.parent / "text_ops", target).complete(PROMPT)
    except (ModelRefusedError, RuntimeError) as error:
        return f"serving_default: {error}"
    return "" if text.startswith(PROMPT) and len(text) > len(PROMPT) else "serving_default gives no text"


def matrix_table(cells: Sequence[Cell]) -> Table:
    """A row a cell. A star: other work was on the machine."""
    table = Table(
        "weights", "format", "runtime", "MB", "ratio", "perplexity", "agreement", "prefill", "decode"
    )
    for cell in cells:
        table.add_row(cell.source, cell.quantize, cell.target, *_measured(cell))
    return table


def _measured(cell: Cell) -> tuple[str, ...]:
    """Size, size over the weights', perplexity, agreement, prefill and decode in tokens a second."""
    manifest = cell.manifest
    if manifest is None:
        return ("", "", cell.reason, "", "", "")
    q = {name: float(value) for name, value in manifest.quality.items() if isinstance(value, float)}
    star = "*" if cell.busy else ""
    return (
        f"{manifest.bytes / 1e6:.1f}",
        f"{size_ratio(manifest):.3f}",
        f"{100 * (q['perplexity'] / q['reference_perplexity'] - 1):+.2f} %",
        f"{q['agreement']:.4f}",
        f"{1e3 / q['prefill_ms']:.0f}{star}",
        f"{1e3 / q['decode_ms']:.0f}{star}",
    )
