"""Where this code is installed: in a checkout, or in a folder of its own inside site-packages."""

from __future__ import annotations

import os
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from platformdirs import user_data_path

NAME = "autocomplete-service"
ROOT = Path(__file__).parents[1]
"""The folder in which `app` and `models` are packages."""


def is_checkout(root: Path = ROOT) -> bool:
    """Whether the code is where its repository is, and not installed from a wheel or copied into an image."""
    return (root / "pyproject.toml").exists()


def default_model(root: Path = ROOT) -> Path:
    """The model file where no setting names one: in the checkout, else in the user's data folder."""
    if not is_checkout(root):
        return user_data_path(NAME) / "autocomplete.tflite"
    path = root / "models" / "artifacts" / "autocomplete.tflite"
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def product_version(root: Path = ROOT) -> str:
    """The version of the product, as pyproject.toml or the installed package says."""
    if is_checkout(root):
        version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
        return version
    return metadata.version(NAME)


def build_command(root: Path = ROOT) -> str:
    """What a user types to build a model file."""
    return "python -m models build" if is_checkout(root) else "autocomplete build"


def module_command(module: str) -> tuple[str, ...]:
    """What runs a module of this project in a process of its own; not one of the working folder's (-P)."""
    return (sys.executable, "-P", "-m", module)


def module_environment(root: Path = ROOT) -> dict[str, str]:
    """The environment for such a process: this project's packages first, then what PYTHONPATH names."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [path for path in given if path not in ("", str(root))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *kept])}
