"""The contract of tests/test_kinds.py on the default weights as a `.litertlm`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import test_kinds
from tests.test_kinds import Kind, Served, serving

pytestmark = pytest.mark.foreign

globals().update({name: test for name, test in vars(test_kinds).items() if name.startswith("test_")})

KINDS = {
    "litert": Kind("decoder", slots=1, chat=True),
}


@pytest.fixture(scope="module", params=KINDS)
def served(request: pytest.FixtureRequest, foreign_model: Path) -> Iterator[Served]:
    with serving(KINDS[request.param], foreign_model, runtime=request.param) as running:
        yield running
