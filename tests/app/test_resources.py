"""Threads are counted from what the process may use, not from what the machine has."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from app.resources import resident_bytes, usable_cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def test_without_a_control_group_every_core_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == 8


def test_where_no_affinity_is_known_the_machines_cores_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path) == 6


@pytest.mark.parametrize(
    ("written", "cores"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("6400000 100000", 8),
    ],
)
def test_a_quota_of_version_2_bounds_the_cores(tmp_path: Path, written: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{written}\n")
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", 8), ("300000", 3)])
def test_a_quota_of_version_1_bounds_the_cores(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == cores


def test_a_file_that_says_something_else_is_no_limit(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("what\n")
    assert usable_cores(tmp_path) == 8


def test_a_process_holds_pages_of_its_own_and_mapped_ones() -> None:
    found = resident_bytes(os.getpid())
    assert sorted(found) == ["mapped", "private"]
    assert all(size > 2**20 for size in found.values())


def test_a_process_that_has_ended_holds_nothing() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert resident_bytes(child.pid) == {}  # ended, not yet buried
    child.wait()
    assert resident_bytes(child.pid) == {}
