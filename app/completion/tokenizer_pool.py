"""Token ids of prompts, without holding up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.completion.prompt import PlainPrompt, Prompt
from app.model.tokenizer import Tokenizer

T = TypeVar("T")

SHORT = 1000
"""Characters that are tokenized at once: at most some milliseconds. 8,192 letters in a row take 250."""


class TokenizerPool:
    """Short prompts are tokenized at once; long ones one by one in a thread, with a model of its own.

    A text model is not thread-safe, so `open_another` gives the thread its own, with the first long prompt.
    `unread` says how many characters of a text its tokenizers would read, where they remember texts.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        open_another: Callable[[], Tokenizer],
        unread: Callable[[str], int] = len,
    ) -> None:
        self._tokenizer = tokenizer
        self._open_another = open_another
        self._unread = unread
        self._other: Tokenizer | None = None
        self._thread = ThreadPoolExecutor(1, "tokenizer_pool")

    async def ids(self, prompt: Prompt) -> list[int]:
        """Token ids of a prompt."""
        plain = isinstance(prompt, PlainPrompt)
        return await self.run(self._unread(prompt.text) if plain else prompt.characters, prompt.tokens)

    async def run(self, characters: int, work: Callable[[Tokenizer], T]) -> T:
        """The result of work that tokenizes so many characters."""
        if characters <= SHORT:
            return work(self._tokenizer)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._long, work)

    def _long(self, work: Callable[[Tokenizer], T]) -> T:
        self._other = self._other or self._open_another()
        return work(self._other)
