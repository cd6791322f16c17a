"""File descriptors of this process, for tests in which there are none left."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path


def open_files() -> set[int]:
    """Descriptors that this process holds."""
    return {int(link.name) for link in Path("/proc/self/fd").iterdir() if link.exists()}


@contextmanager
def file_limit(soft: int) -> Iterator[None]:
    """Another soft limit of open files inside the block; those that are open stay open."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def files_left(number: int) -> Iterator[None]:
    """So many more files can be opened inside the block."""
    used = open_files()
    free = (descriptor for descriptor in count() if descriptor not in used)
    with file_limit(next(islice(free, number, None))):
        yield
