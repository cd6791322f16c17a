"""`python -m bench.export_onnx GGUF PRECISION FOLDER`: a GGUF's weights by ONNX Runtime's own exporter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from models.foreign.__main__ import checkpoint_of


def main(gguf: Path, precision: str, folder: Path) -> None:
    """Export under a temporary name, then rename."""
    with TemporaryDirectory(dir=folder.parent) as name:
        checkpoint, part = Path(name) / "checkpoint", Path(name) / "onnx"
        checkpoint_of(gguf, checkpoint)
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder"]
        command += [
            "-m",
            str(checkpoint),
            "-o",
            str(part),
            "-p",
            precision,
            "-e",
            "cpu",
            "-c",
            f"{name}/cache",
        ]
        subprocess.run(command, check=True)
        part.rename(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
