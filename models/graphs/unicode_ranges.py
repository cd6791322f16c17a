"""Letters and numbers of Unicode 16, as ranges of code points in `data/letters_and_numbers.txt`.

Python's own table is of another version of Unicode in each Python, and a model file must not depend on it.
Python 3.14, whose table is of this version, writes the file: `python -m models.graphs.unicode_ranges`.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "letters_and_numbers.txt"
VERSION = "16.0.0"


def read_ranges(file: Path = FILE) -> Iterator[tuple[str, range]]:
    """The major category, L or N, of each range of code points; all others have another one."""
    for line in file.read_text().splitlines():
        category, first, last = line.split()
        yield category, range(int(first, 16), int(last, 16) + 1)


def format_ranges(table: Any = unicodedata) -> str:
    """The file's text, from a module like `unicodedata`.

    Raises:
        ValueError: Its table is of another version.
    """
    if table.unidata_version != VERSION:
        raise ValueError(f"Unicode {table.unidata_version} is not {VERSION}: run this on Python 3.14")
    points = range(sys.maxunicode + 1)
    lines = []
    for category, group in groupby(points, lambda point: table.category(chr(point))[0]):
        found = list(group)
        if category in "LN":
            lines.append(f"{category} {found[0]:04X} {found[-1]:04X}\n")
    return "".join(lines)


if __name__ == "__main__":
    FILE.write_text(format_ranges())
