"""The measurement as a table: each value with its 95 % interval and the number of cases behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich import box
from rich.table import Table

from bench.typing.carets import IN_A_WORD, Place
from bench.typing.confidence import auc, reliability, right_between, threshold
from bench.typing.estimate import Estimate, quantile, ratio, share
from bench.typing.measurement import Measurement, Typed
from bench.typing.positions import Position
from bench.typing.typist import Session

NOTHING = "–"
THRESHOLDS = tuple(step / 20 for step in range(20))

Unit = Literal["%", "per 100 keys", "area", "ms", "times"]
FORMATS: dict[Unit, tuple[float, str]] = {
    "%": (100, ".1f"),
    "per 100 keys": (100, ".1f"),
    "area": (1, ".3f"),
    "ms": (1, ".0f"),
    "times": (1, ".2f"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes:
        what: Was measured.
        unit: Of the estimate as it is printed; shares are kept as fractions.
        estimate: None where the service does not offer it.
    """

    what: str
    unit: Unit
    estimate: Estimate | None


def rows(found: Measurement) -> list[Row]:
    """All lines, in the order of the table."""
    english = [position for position in found.positions if position.text.english]
    others = [position for position in found.positions if not position.text.english]
    return [
        *_places("", english),
        Row("other languages, in a word", "%", _right(others, IN_A_WORD)),
        Row("other languages, after a space", "%", _right(others, ("space",))),
        *_among([position for position in found.among if position.text.english]),
        Row("AUC of the confidence", "area", auc(english)),
        Row("right, of those stated 0.7 to 0.9", "%", right_between(english, 0.7, 0.9)),
        Row("right, of those stated 0.97 and more", "%", right_between(english, 0.97, 1.01)),
        *_typed("", found.typed),
        *(row for value in found.certain for row in _certain(value, english, found.certain[value])),
        *_phrases(found),
        Row("keystrokes at which a text is refused", "%", share(len(found.refusals), found.keystrokes)),
        Row("request, median", "ms", quantile(found.milliseconds, 0.5)),
        Row("request, 95th percentile", "ms", quantile(found.milliseconds, 0.95)),
    ]


def table(found: Sequence[Row]) -> Table:
    """The lines as Markdown."""
    printed = Table("what", "unit", "value", "95 %", "n", box=box.MARKDOWN)
    for row in found:
        printed.add_row(row.what, row.unit, *_cells(row))
    return printed


def as_json(found: Measurement) -> dict[str, Any]:
    """What a file keeps: lines, curves, refusals and errors."""
    english = [position for position in found.positions if position.text.english]
    return {
        "rows": as_numbers(rows(found)),
        "thresholds": [
            {
                "min_confidence": one.min_confidence,
                "precision": one.precision and _numbers(one.precision),
                "coverage": one.coverage and _numbers(one.coverage),
            }
            for one in (threshold(english, value) for value in THRESHOLDS)
        ],
        "reliability": [
            {"stated": round(one.stated, 4), **_numbers(one.right)} for one in reliability(english)
        ],
        "refusals": [{"typed": one.prompt[-40:], "error": one.error} for one in found.refusals],
        "errors": dict(found.errors),
    }


def as_numbers(found: Sequence[Row]) -> list[dict[str, Any]]:
    """The lines for a file."""
    return [
        {"what": row.what, "unit": row.unit, **(_numbers(row.estimate) if row.estimate else {})}
        for row in found
    ]


def _places(name: str, positions: Sequence[Position]) -> Iterator[Row]:
    places: dict[str, tuple[Place, ...]] = {
        "after a word": ("word",),
        "after a space": ("space",),
        "in a word, 2 letters typed": ("mid2",),
        "in a word, 3 letters typed": ("mid3",),
        "in a word, 4 letters and more": ("mid4+",),
        "in a word, all": IN_A_WORD,
    }
    for what, some in places.items():
        yield Row(name + what, "%", _right(positions, some))


def _right(positions: Iterable[Position], places: tuple[Place, ...]) -> Estimate | None:
    return _share(position.right for position in positions if position.caret.place in places)


def _share(hits: Iterable[bool]) -> Estimate | None:
    known = list(hits)
    return share(sum(known), len(known))


def _among(positions: Sequence[Position]) -> Iterator[Row]:
    for what, places in (("in a word", IN_A_WORD), ("after a space", ("space",))):
        hits = _share(position.among for position in positions if position.caret.place in places)
        yield Row(f"right one among three, {what}", "%", hits)


def _typed(name: str, typed: Sequence[Typed]) -> Iterator[Row]:
    english = [one.session for one in typed if one.text.english]
    others = [one.session for one in typed if not one.text.english]
    yield Row(f"keystrokes saved{name}", "%", _saved(english))
    yield Row(f"keystrokes saved{name}, a key for each word", "%", _saved_by_word(english))
    yield Row(f"keystrokes saved{name}, other languages", "%", _saved(others))
    yield Row(f"ghost text steady{name}", "%", _ratio(english, lambda one: (one.steady, one.agreed)))
    yield Row(f"shown but wrong{name}", "per 100 keys", _ratio(english, lambda one: (one.wrong, one.states)))


def _certain(value: float, positions: Sequence[Position], typed: Sequence[Typed]) -> Iterator[Row]:
    name = f", min_confidence {value}"
    yield from _typed(name, typed)
    kept = threshold(positions, value)
    yield Row(f"right, of what is shown at a caret{name}", "%", kept.precision)
    yield Row(f"carets at which something is shown{name}", "%", kept.coverage)


def _phrases(found: Measurement) -> Iterator[Row]:
    for name, named in (("without phrases", found.named), ("with phrases", found.phrased)):
        yield Row(f"names and terms, in a word, {name}", "%", _right(named.inside, IN_A_WORD))
        yield Row(f"names and terms, after a space, {name}", "%", _right(named.inside, ("space",)))
        yield Row(f"other words of these texts, in a word, {name}", "%", _right(named.outside, IN_A_WORD))
        yield Row(
            f"keystrokes saved in these texts, {name}", "%", _saved([one.session for one in named.typed])
        )


def _saved(sessions: Sequence[Session]) -> Estimate | None:
    return _ratio(sessions, lambda one: (one.characters - one.keys, one.characters))


def _saved_by_word(sessions: Sequence[Session]) -> Estimate | None:
    return _ratio(sessions, lambda one: (one.characters - one.keys_by_word, one.characters))


def _ratio(sessions: Sequence[Session], pair: Callable[[Session], tuple[int, int]]) -> Estimate | None:
    return ratio([pair(session) for session in sessions])


def _cells(row: Row) -> tuple[str, str, str]:
    if row.estimate is None:
        return NOTHING, NOTHING, NOTHING
    factor, form = FORMATS[row.unit]
    value, low, high = (
        format(factor * one, form) for one in (row.estimate.value, row.estimate.low, row.estimate.high)
    )
    return value, f"{low} to {high}", f"{row.estimate.count:,}"


def _numbers(estimate: Estimate) -> dict[str, float]:
    return {
        "value": round(estimate.value, 4),
        "low": round(estimate.low, 4),
        "high": round(estimate.high, 4),
        "n": estimate.count,
    }
