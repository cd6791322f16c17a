from __future__ import annotations

import asyncio

import pytest

from app.engine.link import open_link
from app.engine.messages import Ready, Shutdown
from tests.descriptors import files_left, open_files
from tests.tiny import TinyModel

pytestmark = pytest.mark.anyio


async def test_a_new_process_says_that_it_is_ready(tiny_model: TinyModel) -> None:
    link = await open_link(tiny_model.config())
    link.heard = False
    async with asyncio.timeout(60):
        (message,) = await link.receive()
    assert isinstance(message, Ready)
    assert link.heard
    assert await link.end() == -9


@pytest.mark.parametrize("free", [0, 1, 2, 3])
async def test_without_descriptors_nothing_is_started_and_nothing_stays_open(
    tiny_model: TinyModel, free: int
) -> None:
    before = open_files()
    with files_left(free), pytest.raises(OSError, match="Too many open files"):
        await open_link(tiny_model.config())
    await asyncio.sleep(0)
    assert open_files() == before


async def test_what_is_sent_to_a_process_that_has_ended_is_lost_quietly(tiny_model: TinyModel) -> None:
    link = await open_link(tiny_model.config())
    await link.end()
    link.send(Shutdown())
    assert link.process.returncode == -9
