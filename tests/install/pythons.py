"""The Pythons of this machine that the service is for."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

MINORS = range(11, 15)


def find_pythons() -> dict[str, Path]:
    """An interpreter of each version from 3.11 to 3.14 that runs here, by its version."""
    return {version: path for version in versions() for path in _candidates(version) if _runs(path, version)}


def versions() -> list[str]:
    return [f"3.{minor}" for minor in MINORS]


def _candidates(version: str) -> Iterator[Path]:
    """On the path, or among pyenv's, whose commands on the path may lead to none."""
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from pyenv.glob(f"versions/{version}.*/bin/python{version}")


def _runs(path: Path, version: str) -> bool:
    """Whether it is of that version and can make an environment."""
    check = f"import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    return subprocess.run([path, "-c", check], capture_output=True).returncode == 0
