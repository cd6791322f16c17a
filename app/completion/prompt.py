"""What is to be continued: one text, or a conversation (`chat_template.ChatPrompt`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from app.model.tokenizer import Tokenizer


class Prompt(Protocol):
    """What is to be continued.

    Attributes:
        text: What an answer with `echo` repeats.
        before: The text right before the completion: a bad word may begin in it.
        characters: Its length.
    """

    @property
    def text(self) -> str:
        """See above."""
        ...

    @property
    def before(self) -> str:
        """See above."""
        ...

    @property
    def characters(self) -> int:
        """See above."""
        ...

    def filtered(self, guard: Callable[[str], str]) -> Self:
        """The prompt with each of its texts replaced by what the guard makes of it."""
        ...

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the prompt."""
        ...


@dataclass(frozen=True, slots=True)
class PlainPrompt:
    """A prompt that is one text; `shortened` says that it was cut to the character limit."""

    text: str
    shortened: bool = False

    @property
    def before(self) -> str:
        """The text itself."""
        return self.text

    @property
    def characters(self) -> int:
        """Of the text."""
        return len(self.text)

    def filtered(self, guard: Callable[[str], str]) -> PlainPrompt:
        """The prompt as the guard lets it pass."""
        return PlainPrompt(guard(self.text), self.shortened)

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the text."""
        return tokenizer.tokenize(self.text)
