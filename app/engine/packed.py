"""The file of packed weights: the first start makes it, every later one and every other process maps it."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path


@contextmanager
def packed_weights(folder: Path, model: Path, digest: str) -> Iterator[Path]:
    """The path that the runtime is to read packed weights from, or write them to, inside the block.

    A new file gets its name when the block ends well; files of the same model's earlier builds are removed.
    """
    machine = machine_key()
    packed = folder / f"{model.stem}.{digest[:16]}.{machine}.xnnpack"
    part = packed.with_name(f".{packed.name}.{os.getpid()}.part")
    try:
        yield packed if packed.exists() else part
        if part.exists():
            part.replace(packed)
            for old in folder.glob(f"{model.stem}.*.{machine}.xnnpack"):
                if old != packed:
                    old.unlink(missing_ok=True)
    finally:
        part.unlink(missing_ok=True)


def machine_key() -> str:
    """Names what packed weights depend on beside the model: runtime version and processor features."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    parts = [version("ai-edge-litert"), platform.machine(), flags]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
