from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.machine import Neighbours, processor_seconds

TICK = os.sysconf("SC_CLK_TCK")


def account(proc: Path, process: int, seconds: int, *children: int) -> None:
    """A process that has computed for so long."""
    (proc / f"{process}/task/{process}").mkdir(parents=True, exist_ok=True)
    (proc / f"{process}/stat").write_text(f"{process} (name) S {'0 ' * 10}{seconds * TICK} 0 0 0\n")
    (proc / f"{process}/task/{process}/children").write_text(" ".join(map(str, children)))


def test_a_child_that_ends_meanwhile_is_left_out(tmp_path: Path) -> None:
    account(tmp_path, 10, 3, 11, 12)
    account(tmp_path, 12, 4)
    (tmp_path / "10/task/13").mkdir()
    (tmp_path / "10/task/13/children").symlink_to("gone")
    assert processor_seconds(10, tmp_path) == 7


def test_only_what_is_neither_ours_nor_our_childrens_counts(tmp_path: Path) -> None:
    us, server, engine = os.getpid(), 10**9, 10**9 + 1
    now = iter([100.0, 110.0])

    def keep(busy: int, of_us: int, of_server: int, of_engine: int, steal: int = 0) -> None:
        (tmp_path / "stat").write_text(f"cpu {busy * TICK} 0 0 99 99 0 0 {steal * TICK} 0 0\ncpu0 1\n")
        account(tmp_path, us, of_us, server)
        account(tmp_path, server, of_server, engine)
        account(tmp_path, engine, of_engine)

    keep(50, 1, 2, 3)
    neighbours = Neighbours(server, proc=tmp_path, clock=lambda: next(now))
    keep(50 + 20, 1 + 1, 2 + 4, 3 + 9, steal=1)
    usage = neighbours.usage()
    assert usage.others == pytest.approx(0.6)  # six of twenty seconds, in ten
    assert usage.steal == pytest.approx(0.1)
    assert usage.cores == pytest.approx(0.7)
    assert not usage.quiet
