"""The default weights as a `.litertlm`: `make foreign-model` builds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ARTIFACTS


@pytest.fixture(scope="session")
def foreign_model() -> Path:
    return ARTIFACTS / "foreign" / "SmolLM2-135M-Instruct.litertlm"
