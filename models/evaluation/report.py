"""Builds side by side: a table, and size against perplexity as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from app.model.manifest import Manifest, read_manifest
from models.errors import BuildError


def measured(model: Path) -> Manifest:
    """The manifest of a file whose quality has been measured.

    Raises:
        ModelRefusedError: There is no manifest.
        BuildError: It tells no quality.
    """
    manifest = read_manifest(model)
    if not manifest.quality:
        raise BuildError(f"{model}: its quality is not measured; run: python -m models quality {model}")
    return manifest


def quality_table(manifests: Sequence[Manifest]) -> Table:
    """A column a file; the times are of one sequence on the machine that measured."""
    columns = [_column(manifest) for manifest in manifests]
    table = Table("", *[manifest.file for manifest in manifests])
    for row in columns[0]:
        table.add_row(row, *[column[row] for column in columns])
    return table


def _column(manifest: Manifest) -> dict[str, str]:
    q = {name: float(value) for name, value in manifest.quality.items() if isinstance(value, float)}
    return {
        "model": manifest.id,
        "number format": manifest.quantization,
        "target": manifest.target,
        "size": f"{manifest.bytes / 1e6:.1f} MB",
        "size over the weights'": f"{size_ratio(manifest):.3f}",
        "text": f"{q['tokens']:.0f} tokens of {manifest.quality['text']}",
        "perplexity": f"{q['perplexity']:.2f}",
        "perplexity, float32": f"{q['reference_perplexity']:.2f}",
        "change": f"{100 * (q['perplexity'] / q['reference_perplexity'] - 1):+.2f} %",
        "next-token agreement": f"{q['agreement']:.4f}",
        "largest logit difference": f"{q['largest_difference']:.2f}",
        "prefill": f"{q['prefill_ms']:.2f} ms a token",
        "decode": f"{q['decode_ms']:.2f} ms a token",
    }


def size_ratio(manifest: Manifest) -> float:
    """The file's bytes over those of its weights at their width, with scales, norms and tables."""
    return manifest.bytes / manifest.weight_bytes


def draw(manifests: Sequence[Manifest], picture: Path) -> None:
    """Draw size against perplexity into a PNG file.

    Raises:
        BuildError: The files were measured on different tokens, or matplotlib is not installed.
    """
    if len({(m.quality["text"], m.quality["tokens"]) for m in manifests}) > 1:
        raise BuildError("the plot needs files that were measured on the same number of tokens")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise BuildError("the plot needs matplotlib; install the extra: pip install .[plot]") from None
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel="file size, MB", ylabel="perplexity", title="Size against perplexity")
    for manifest in manifests:
        place = manifest.bytes / 1e6, float(manifest.quality["perplexity"] or 0)
        label = f"{manifest.id}\n{manifest.quantization}, {manifest.target}"
        axes.plot(*place, "o")
        axes.annotate(label, place, xytext=(0, 6), textcoords="offset points", fontsize=8, ha="center")
    for reference in {float(m.quality["reference_perplexity"] or 0) for m in manifests}:
        axes.axhline(reference, linestyle=":", color="gray", label="float32 reference")
    axes.margins(0.25)
    part = picture.with_name(f".{picture.name}.part")
    figure.savefig(part, format="png", dpi=150)
    part.replace(picture)
