from __future__ import annotations

import logging
import resource

import pytest

from app.server.descriptors import RESERVED, affordable_connections
from tests.descriptors import file_limit

Limits = tuple[int, int]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[Limits]:
    """The limits as a process would see them: soft and hard; the last entry counts."""
    seen = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: seen[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: seen.append(new))
    return seen


def test_a_limit_that_is_high_enough_stays_as_it_is(limits: list[Limits]) -> None:
    assert affordable_connections(1024 - 20 - RESERVED, 20) == 1024 - 20 - RESERVED
    assert limits == [(1024, 4096)]


def test_a_soft_limit_is_raised_by_what_is_needed(limits: list[Limits]) -> None:
    assert affordable_connections(1024, 20) == 1024
    assert limits[-1] == (1024 + 20 + RESERVED, 4096)


def test_a_hard_limit_leaves_fewer_connections_and_the_log_says_so(
    limits: list[Limits], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert affordable_connections(5000, 20) == 4096 - 20 - RESERVED
    assert limits[-1] == (4096, 4096)
    assert caplog.messages == ["at most 4012 connections instead of 5000: this process may open 4096 files"]


def test_one_connection_is_always_left(limits: list[Limits]) -> None:
    limits.append((32, 32))
    assert affordable_connections(1024, 20) == 1


@pytest.mark.parametrize("soft", [1024, resource.RLIM_INFINITY])
def test_no_hard_limit_permits_all(limits: list[Limits], soft: int) -> None:
    limits.append((soft, resource.RLIM_INFINITY))
    assert affordable_connections(5000, 20) == 5000


def test_the_limit_of_this_process_is_raised() -> None:
    with file_limit(200):
        affordable_connections(300, 0)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300 + RESERVED
