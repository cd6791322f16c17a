"""Checks of long texts leave the event loop alone."""

from __future__ import annotations

import asyncio
import threading

import pytest

from app.completion.guard_thread import SHORT, GuardThread

pytestmark = pytest.mark.anyio


def where() -> str:
    return threading.current_thread().name


async def test_a_short_text_is_checked_at_once() -> None:
    assert await GuardThread().run(SHORT, where) == "MainThread"


async def test_long_texts_are_checked_in_one_thread() -> None:
    guard_thread = GuardThread()

    assert await guard_thread.run(SHORT + 1, where) == "guard_0"
    assert await guard_thread.run(SHORT + 1, where) == "guard_0"


async def test_the_event_loop_runs_while_a_long_text_is_checked() -> None:
    seen = threading.Event()
    checking = asyncio.create_task(GuardThread().run(SHORT + 1, lambda: seen.wait(60)))
    await asyncio.sleep(0)

    seen.set()

    assert await checking


async def test_what_a_check_raises_reaches_the_caller() -> None:
    def fail() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await GuardThread().run(SHORT + 1, fail)
