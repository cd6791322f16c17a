from __future__ import annotations

import os
import subprocess

from app.resources import resident_bytes


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
