"""The build's display: one line a finished stage, a bar with percentage and time while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Stages:
    """Counts named stages against their planned number."""

    def __init__(self, planned: int, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._planned = planned
        self._task = self._progress.add_task("", total=planned)
        self._done = 0

    def __enter__(self) -> Stages:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Show a stage while its body runs, and its time when it is done.

        The body gets a function that takes the share of the stage that is done, 0 to 1.
        """
        self._progress.update(self._task, description=name)
        began = time.perf_counter()
        yield lambda share: self._progress.update(self._task, completed=self._done + share)
        self._done += 1
        self._progress.update(self._task, completed=self._done)
        percent = 100 * self._done // self._planned
        self._progress.console.print(
            f"[{percent:3d} %] {name} ({time.perf_counter() - began:.1f} s)", highlight=False, markup=False
        )
