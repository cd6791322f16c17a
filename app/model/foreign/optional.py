"""Packages that only foreign model files need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from app.errors import ModelRefusedError


def required(module: str) -> Any:
    """A module of the extra `foreign`.

    Raises:
        ModelRefusedError: Its package is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise ModelRefusedError(
            f"{package} is not installed ({error}): pip install 'autocomplete-service[foreign]'"
        ) from None
