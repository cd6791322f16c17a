"""Native code's chatter on standard error, kept back unless something goes wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.engine.runtimes.memory_file import memory_file


@contextmanager
def quiet() -> Iterator[None]:
    """Inside the block standard error is kept; it is shown when the block raises."""
    sys.stderr.flush()
    with memory_file("stderr") as (kept, _):
        shown = os.dup(2)
        os.dup2(kept, 2)
        try:
            yield
        except BaseException:
            os.dup2(shown, 2)
            os.lseek(kept, 0, os.SEEK_SET)
            while block := os.read(kept, 2**16):
                os.write(2, block)
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def silence() -> None:
    """Discard standard error from now on: at the end of a process, shutdown messages of LiteRT."""
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
