"""The series of several workers in files that each of them reads: prometheus_client's multiprocess mode."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

logger = logging.getLogger(__name__)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that prometheus_client reads."""

FILES = ("counter", "histogram", "gauge_livesum", "gauge_livemax", "gauge_max")
"""Kinds of series, each a file of every worker."""

FILE_BYTES = 512 * 1024
"""Of a file, all of it allocated; labels are few, and fill less than a quarter."""


@contextmanager
def metrics_folder() -> Iterator[Path | None]:
    """A folder for the workers' files, inside the one that the environment names; none where none can be."""
    try:
        folder = TemporaryDirectory(prefix="autocomplete-metrics-", dir=os.environ.get(FOLDER))
    except OSError as error:
        logger.warning("no folder for the workers' metrics: %s; each shows its own", error.strerror)
        os.environ.pop(FOLDER, None)
        yield None
        return
    with folder as name:
        os.environ[FOLDER] = name
        yield Path(name)


def share_metrics(worker: int) -> None:
    """Keep the series of this process in files of its number, where the environment names a folder.

    A successor goes on with them. They are made at full size before they are mapped: a process that writes to
    a mapped page for which a full disk has no block is ended by SIGBUS.
    """
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    try:
        for kind in FILES:
            _allocate(Path(folder) / f"{kind}_{worker}.db")
    except OSError as error:
        logger.warning("no room for this worker's metrics: %s; it shows its own alone", error.strerror)
        del os.environ[FOLDER]
        values.ValueClass = values.MutexValue
    else:
        values.ValueClass = values.MultiProcessValue(lambda: worker)  # type: ignore[no-untyped-call]


def end_metrics(folder: Path, worker: int) -> None:
    """Remove what a worker was doing when it died; what it had counted stays."""
    mark_process_dead(worker, str(folder))  # type: ignore[no-untyped-call]


def _allocate(path: Path) -> None:
    new = not path.exists()
    try:
        with path.open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
    except OSError:
        if new:
            path.unlink(missing_ok=True)
        raise
