"""Rows of the guard's own test sets: tab-separated, with escapes as in JSON for what cannot be seen."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ESCAPED = re.compile(r"\\u([0-9a-f]{4})|\\(n)|\\(t)")


HELD_OUT = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11")
"""The numbers of the held-out sets, in the order in which they were written."""


@dataclass(frozen=True, slots=True)
class Row:
    """One text, of which kind it is, where it comes from, and what the guard has to say."""

    profane: bool
    kind: str
    text: str
    source: str


def own_rows() -> list[Row]:
    """The set that the lists were made with."""
    return [
        Row(profane, row["kind"], _plain(row["text"]), row["source"])
        for name, profane in (("innocent.tsv", False), ("profane.tsv", True))
        for row in _read(name)
    ]


def held_out_rows(number: str) -> list[Row]:
    """A set written before the guard had been run on it; its number says which."""
    return [
        Row(row["label"] == "profane", row["kind"], _plain(row["text"]), row["source"])
        for row in _read("holdout.tsv")
        if row["set"] == number
    ]


def _read(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _plain(text: str) -> str:
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\n" if found[2] else "\t", text)
