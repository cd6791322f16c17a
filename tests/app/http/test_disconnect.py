from __future__ import annotations

import asyncio
import gc

import pytest

from app.http.disconnect import WhileConnected

pytestmark = pytest.mark.anyio


async def never() -> dict[str, object]:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("the client does not leave")


async def test_a_client_that_stays_leaves_nothing_for_the_garbage_collector() -> None:
    async def watched() -> None:
        async with WhileConnected(never):
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # the watcher is cancelled in the loop's next turn

    await watched()
    gc.collect()
    gc.disable()
    try:
        await watched()
        assert gc.collect() == 0
    finally:
        gc.enable()
