"""What a threshold on the confidence does, and how well the confidence is calibrated, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.typing.confidence import Bin, Threshold

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(
    thresholds: Sequence[Threshold], bins: Sequence[Bin], recommended: Sequence[float], path: Path
) -> None:
    """Draw into an SVG file.

    Args:
        thresholds: Precision and coverage by `min_confidence`.
        bins: What was stated and what was right.
        recommended: Values of `min_confidence` to be marked.
        path: Of the file.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _thresholds(left, thresholds, recommended)
    _calibration(right, bins)
    part = path.with_name(f".{path.name}.part")
    with mpl.rc_context({"svg.hashsalt": path.name}):  # the same figures give the same file
        figure.savefig(part, format="svg", metadata={"Date": None})
    part.replace(path)


def _thresholds(axes: Axes, thresholds: Sequence[Threshold], recommended: Sequence[float]) -> None:
    for name, color in (("precision", "tab:blue"), ("coverage", "tab:orange")):
        known = [(one.min_confidence, getattr(one, name)) for one in thresholds if getattr(one, name)]
        places = [place for place, _ in known]
        axes.plot(places, [100 * one.value for _, one in known], color=color, label=name)
        bounds = [100 * one.low for _, one in known], [100 * one.high for _, one in known]
        axes.fill_between(places, *bounds, color=color, alpha=0.15, linewidth=0)
    for value in recommended:
        axes.axvline(value, color="gray", linestyle=":")
    axes.set(xlabel="min_confidence", ylabel="%", xlim=(0, 1), ylim=(0, 100), title="Shown at English carets")
    axes.legend(loc="lower left")


def _calibration(axes: Axes, bins: Sequence[Bin]) -> None:
    for one in bins:
        axes.plot([one.stated] * 2, [100 * one.right.low, 100 * one.right.high], color="tab:blue", alpha=0.4)
    axes.plot([one.stated for one in bins], [100 * one.right.value for one in bins], "o", color="tab:blue")
    axes.plot([0, 1], [0, 100], color="gray", linestyle=":")
    axes.set(xlabel="stated confidence", ylabel="right, %", xlim=(0, 1), ylim=(0, 100), title="Calibration")
