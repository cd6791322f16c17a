from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from models.progress import Stages


@pytest.fixture
def shown() -> io.StringIO:
    return io.StringIO()


def test_each_finished_stage_is_one_line_with_its_share_and_its_time(shown: io.StringIO) -> None:
    with Stages(3, Console(file=shown)) as stages:
        for name in ("Read", "Write [bold]", "Save"):
            with stages.stage(name):
                pass
    lines = [re.sub(r"\d+\.\d s", "0.0 s", line) for line in shown.getvalue().split("\n") if line]
    assert lines == ["[ 33 %] Read (0.0 s)", "[ 66 %] Write [bold] (0.0 s)", "[100 %] Save (0.0 s)"]


def test_a_stage_that_fails_is_not_shown_as_finished(shown: io.StringIO) -> None:
    with (
        pytest.raises(ValueError, match="no"),
        Stages(2, Console(file=shown)) as stages,
        stages.stage("Read"),
    ):
        raise ValueError("no")
    assert shown.getvalue().strip() == ""


def test_a_terminal_sees_the_stage_that_runs_and_the_bar_goes_at_the_end(shown: io.StringIO) -> None:
    with Stages(2, Console(file=shown, force_terminal=True, width=80)) as stages:
        with stages.stage("Read"):
            stages._progress.refresh()
        assert re.search(r"Read .*0%.*0:00:00", shown.getvalue())
        assert re.search(r"50%", shown.getvalue()) is None
        stages._progress.refresh()
        assert re.search(r"50%", shown.getvalue())
    assert shown.getvalue().endswith("\x1b[2K")  # the bar's line is erased
