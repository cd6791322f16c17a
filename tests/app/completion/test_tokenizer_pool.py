from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from app.completion.chat_template import ChatPrompt, ChatTemplate, Message
from app.completion.prompt import PlainPrompt
from app.completion.tokenizer_pool import SHORT, TokenizerPool
from tests.app.conftest import Serve
from tests.fakes import ByteTokenizer, FakeEngine

pytestmark = pytest.mark.anyio


class Slow(ByteTokenizer):
    """Takes its time and tells in which thread."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.threads: list[str] = []

    def tokenize(self, text: str) -> list[int]:
        self.threads.append(threading.current_thread().name)
        time.sleep(self.seconds)
        return super().tokenize(text)

    def detokenize(self, ids: Sequence[int]) -> bytes:
        return super().detokenize(ids)


async def test_a_short_prompt_is_tokenized_at_once() -> None:
    own, other = Slow(), Slow()
    tokenizer_pool = TokenizerPool(own, lambda: other)
    assert await tokenizer_pool.ids(PlainPrompt("x" * SHORT)) == [120] * SHORT
    assert (own.threads, other.threads) == (["MainThread"], [])


async def test_a_long_prompt_is_tokenized_in_a_thread_that_has_its_own_model() -> None:
    own, other = Slow(), Slow()
    opened: list[Slow] = []

    def open_another() -> Slow:
        opened.append(other)
        return other

    tokenizer_pool = TokenizerPool(own, open_another)
    for _ in range(2):
        assert await tokenizer_pool.ids(PlainPrompt("x" * (SHORT + 1))) == [120] * (SHORT + 1)
    assert (own.threads, len(opened)) == ([], 1)
    assert set(other.threads) == {"tokenizer_pool_0"}


async def test_a_long_prompt_of_which_little_is_new_is_tokenized_at_once() -> None:
    own, other = Slow(), Slow()
    tokenizer_pool = TokenizerPool(own, lambda: other, unread=lambda text: SHORT)
    await tokenizer_pool.ids(PlainPrompt("x" * (SHORT + 1)))
    assert (own.threads, other.threads) == (["MainThread"], [])


async def test_the_event_loop_runs_while_a_long_prompt_is_tokenized() -> None:
    tokenizer_pool = TokenizerPool(Slow(), lambda: Slow(0.5))
    working = asyncio.create_task(tokenizer_pool.ids(PlainPrompt("x" * 5000)))
    turns = 0
    while not working.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10


async def test_a_long_conversation_counts_as_one_prompt() -> None:
    own, other = Slow(), Slow()
    template = ChatTemplate("{{ messages[0].content }}", {"<|end|>": 256})
    messages = tuple(Message("user", "x" * 600) for _ in range(2))
    await TokenizerPool(own, lambda: other).ids(ChatPrompt(messages, template))
    assert (own.threads, other.threads) == ([], ["tokenizer_pool_0"])


async def test_a_deadline_that_passes_while_a_prompt_is_tokenized_is_504(serve: Serve) -> None:
    engine = FakeEngine()
    async with serve(engine, open_tokenizer=lambda: Slow(0.3)) as client:
        answer = await client.post("/complete", json={"prompt": "x " * 1000, "timeout_ms": 50})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert engine.generations == []
