from __future__ import annotations

from bench.__main__ import record, summarize, table
from bench.machine import Usage
from bench.peers import MUST, NAME, Cell
from bench.work import WORKS

QUIET, BUSY = Usage(0.01, 0.02), Usage(0.5, 0.0)
PREFILL, PERPLEXITY = (
    next(work for work in WORKS if work.kind == kind) for kind in ("prefill", "perplexity")
)


def test_cells_that_somebody_disturbed_are_written_down_but_do_not_count() -> None:
    cells = {
        (PREFILL.name, NAME): [Cell(100.0, QUIET, False), Cell(1.0, BUSY, False), Cell(2.0, QUIET, True)],
        (PREFILL.name, MUST): [Cell(50.0, QUIET, False)],
        (PREFILL.name, "busy"): [Cell(50.0, BUSY, False)],
    }
    (row,) = summarize(cells)
    assert (row["ours"], row["peers"], row["ratio"], row["rounds"]) == (100.0, {MUST: 50.0}, 2.0, 1)
    assert [cell["kept"] for cell in row["cells"][NAME]] == [True, False, False]
    assert record(Cell(1.0, BUSY, False)) == {"figure": 1.0, "others": 0.5, "steal": 0.0, "kept": False}


def test_perplexity_counts_whoever_disturbs_and_stands_beside_the_name() -> None:
    cells = {
        (PREFILL.name, NAME): [Cell(100.0, QUIET, False)],
        (PERPLEXITY.name, NAME): [Cell(40.84, BUSY, True)],
        (PREFILL.name, MUST): [Cell(100.0, QUIET, False)],
        (PERPLEXITY.name, MUST): [Cell(40.96, BUSY, True)],
    }
    rows = summarize(cells)
    assert [row["work"] for row in rows] == [PREFILL.name, PERPLEXITY.name]
    assert [column.header for column in table(rows).columns][2:4] == [f"{NAME}\n40.84", f"{MUST}\n40.96"]
