"""The guard beside better-profanity 0.7.0 on the same rows: python -m tests.app.guard.compare_stock."""

from collections.abc import Callable, Iterable
from itertools import groupby

from better_profanity import Profanity
from rich.console import Console
from rich.table import Table

from app.guard import Thresholds, load_guard
from tests.app.guard.rows import HELD_OUT, Row, held_out_rows, own_rows

Judge = Callable[[str], bool]


def main() -> None:
    """Print the wrong verdicts of both, by set and by kind."""
    guard = load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())
    judges: list[Judge] = [lambda text: guard.check(text).flagged, Profanity().contains_profanity]
    table = Table("set", "kind", "rows", "guard wrong", "stock wrong")
    sets = {"own": own_rows(), **{f"held out {number}": held_out_rows(number) for number in HELD_OUT}}
    for name, rows in sets.items():
        for profane in (False, True):
            chosen = [row for row in rows if row.profane == profane]
            wrong = [[row for row in chosen if judge(row.text) != profane] for judge in judges]
            what = "profane, missed" if profane else "innocent, flagged"
            table.add_row(name, f"[bold]{what}", str(len(chosen)), *(_rate(found, chosen) for found in wrong))
            for kind, group in groupby(sorted(chosen, key=lambda row: row.kind), key=lambda row: row.kind):
                of_kind = list(group)
                counts = (str(sum(row.kind == kind for row in found)) for found in wrong)
                table.add_row("", kind, str(len(of_kind)), *counts)
    Console(width=100).print(table)


def _rate(found: Iterable[Row], rows: list[Row]) -> str:
    count = len(list(found))
    return f"[bold]{count} ({count / len(rows):.1%})"


if __name__ == "__main__":
    main()
