"""Where peers are installed: each in a locked environment of its own, because their dependencies differ."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

VERSIONS = (
    "import importlib.metadata as m, json, sys;"
    "print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
)


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder that `make FOLDER/.ready` fills.

    Attributes:
        packages: Those whose versions stand beside the figures.
    """

    folder: Path
    packages: tuple[str, ...]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin/python"

    @property
    def ready(self) -> bool:
        """Whether it is installed."""
        return (self.folder / ".ready").exists()

    def file(self, name: str) -> Path:
        """A file of an installed package.

        Raises:
            RuntimeError: It is not there.
        """
        found = next(self.folder.glob(f"lib/python*/site-packages/{name}"), None)
        if found is None:
            raise RuntimeError(f"{name} is not installed: make {self.folder}/.ready")
        return found

    def versions(self) -> dict[str, str]:
        """Versions of its packages; nothing where it is not installed."""
        if not self.ready:
            return {}
        command = [str(self.python), "-c", VERSIONS, *self.packages]
        found: dict[str, str] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return found


OURS = Environment(Path(sys.executable).parents[1], ())
LLAMA = Environment(Path(".venv-llama"), ("xllamacpp",))
IK = Environment(Path(".venv-ik"), ("ik-llama-cpp-python",))
ORT = Environment(Path(".venv-ort"), ("onnxruntime-genai", "onnxruntime"))
OPENVINO = Environment(Path(".venv-openvino"), ("openvino-genai", "openvino"))
