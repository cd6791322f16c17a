"""The TFLite model inside a container as a file of its own: the runtime maps files, not ranges of them."""

from __future__ import annotations

import secrets
from pathlib import Path

BLOCK = 2**20


def inner_file(folder: Path, container: Path, digest: str, begin: int, end: int) -> Path:
    """Bytes `begin` to `end` of a file, as a file: itself where that is all of it, else a copy in `folder`.

    The copy is made once, under a temporary name; copies of the container's earlier contents are removed.
    """
    if (begin, end) == (0, container.stat().st_size):
        return container
    copy = folder / f"{container.stem}.{digest[:16]}.inner.tflite"
    if copy.exists():
        return copy
    part = copy.with_name(f".{copy.name}.{secrets.token_hex(8)}.part")
    try:
        with container.open("rb") as source, part.open("wb") as target:
            source.seek(begin)
            while block := source.read(min(BLOCK, end - source.tell())):
                target.write(block)
        part.replace(copy)
    finally:
        part.unlink(missing_ok=True)
    for old in folder.glob(f"{container.stem}.*.inner.tflite"):
        if old != copy:
            old.unlink(missing_ok=True)
    return copy
