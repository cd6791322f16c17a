"""General categories of Unicode 16's characters, as ranges of code points in `data/categories.txt`.

Python's own table is of another version of Unicode in each Python, and a model file must not depend on it.
Python 3.14, whose table is of this version, writes the file:
`python -m models.checkpoint.unicode_categories`.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "categories.txt"
VERSION = "16.0.0"
UNASSIGNED = "Cn"


def read_ranges(file: Path = FILE) -> Iterator[tuple[str, range]]:
    """The category of each range of code points, such as `Lu`; all others are unassigned, `Cn`."""
    for line in file.read_text().splitlines():
        category, first, *last = line.split()
        yield category, range(int(first, 16), int((last or [first])[0], 16) + 1)


def format_ranges(table: Any = unicodedata) -> str:
    """The file's text, from a module like `unicodedata`.

    Raises:
        ValueError: Its table is of another version.
    """
    if table.unidata_version != VERSION:
        raise ValueError(f"Unicode {table.unidata_version} is not {VERSION}: run this on Python 3.14")
    lines = []
    for category, group in groupby(range(sys.maxunicode + 1), lambda point: table.category(chr(point))):
        first, *others = group
        if category != UNASSIGNED:
            lines.append(f"{category} {first:X}{f' {others[-1]:X}' if others else ''}\n")
    return "".join(lines)


if __name__ == "__main__":
    FILE.write_text(format_ranges())
