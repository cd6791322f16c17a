"""A file in memory, for what no disk need hold or no disk may have room for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def memory_file(name: str) -> Iterator[tuple[int, Path]]:
    """Its descriptor, and the path under which this process finds it inside the block.

    Only Linux has such files: elsewhere it is a temporary one.
    """
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create(name)
        path = Path(f"/proc/self/fd/{descriptor}")
    else:
        descriptor, temporary = tempfile.mkstemp()
        path = Path(temporary)
    try:
        yield descriptor, path
    finally:
        os.close(descriptor)
        if not path.is_relative_to("/proc"):
            path.unlink()
