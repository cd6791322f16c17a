from __future__ import annotations

import asyncio

import pytest

from app.completion.sessions import Sessions
from app.errors import SupersededError

pytestmark = pytest.mark.anyio


async def hold(sessions: Sessions, session: str, answer: asyncio.Event) -> str:
    async with sessions.newest(session):
        await answer.wait()
    return "answered"


async def outcomes(*names: str) -> list[object]:
    """What becomes of requests that begin one after the other, and may be answered when all have begun."""
    sessions, answer, tasks = Sessions(), asyncio.Event(), []
    for name in names:
        tasks.append(asyncio.create_task(hold(sessions, name, answer)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    while sum(not task.done() for task in tasks) > len(set(names)) + names.count("") * ("" in names):
        await asyncio.sleep(0)
    answer.set()
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_a_newer_request_of_a_session_ends_the_one_before() -> None:
    first, second, third = await outcomes("a", "a", "a")
    assert (type(first), type(second), third) == (SupersededError, SupersededError, "answered")


async def test_requests_of_other_sessions_and_of_none_do_not() -> None:
    assert await outcomes("a", "b", "", "") == ["answered"] * 4


async def test_the_older_request_has_ended_before_the_newer_one_begins() -> None:
    sessions, order = Sessions(), list[str]()

    async def older() -> None:
        try:
            async with sessions.newest("a"):
                await asyncio.Event().wait()
        finally:
            order.append("older ended")

    task = asyncio.create_task(older())
    await asyncio.sleep(0)
    async with sessions.newest("a"):
        order.append("newer begins")
    with pytest.raises(SupersededError):
        await task
    assert order == ["older ended", "newer begins"]


async def test_a_timeout_inside_a_request_is_its_own() -> None:
    sessions = Sessions()
    with pytest.raises(TimeoutError):
        async with sessions.newest("a"):
            raise TimeoutError
    async with sessions.newest("a"):
        pass
