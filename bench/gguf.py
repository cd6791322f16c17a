"""The default checkpoint in other formats of GGUF, by the quantizer in ik_llama.cpp's package."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.environments import IK

QUANTIZER = "ik_llama_cpp/bin/llama-quantize"


def downloaded(model: Path) -> Path:
    """The GGUF that the default model was built from."""
    found = sorted((model.parent / "downloads").glob("*.gguf"))
    return next(path for path in found if ".bench" not in path.suffixes)


def requantize(source: Path, kind: str) -> Path:
    """The same weights as `Q8_0` or `Q4_0`, in a file beside the source; made once.

    Raises:
        RuntimeError: There is no quantizer, or it fails.
    """
    target = source.with_suffix(f".{kind}.bench.gguf")
    if not target.exists():
        part = target.with_name(f".{target.name}.part")
        command = [str(IK.file(QUANTIZER)), "--allow-requantize", str(source), str(part), kind]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{source}: the quantizer returned {done.returncode}: {done.stderr[-300:]}")
        part.replace(target)
    return target
