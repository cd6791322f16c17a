import pytest

from app.guard import Guard, Thresholds, load_guard


@pytest.fixture(scope="session")
def guard() -> Guard:
    return load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())
