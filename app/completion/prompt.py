"""What is to be continued: a text, tokens, or a conversation (`chat_template.ChatPrompt`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.model.tokenizer import Tokenizer


class Prompt(Protocol):
    """What is to be continued.

    Attributes:
        text: What an answer with `echo` repeats.
        before: The text that is judged, right before the completion: a bad word may begin in it.
        unfinished: The text behind that, which is judged with the completion.
        characters: Its length.
        field: Of the request, for errors.
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
    def unfinished(self) -> str:
        """See above."""
        ...

    @property
    def characters(self) -> int:
        """See above."""
        ...

    @property
    def field(self) -> str:
        """See above."""
        ...

    def filtered(self, guard: Callable[[str], str]) -> Prompt:
        """The prompt with each of its texts replaced by what the guard makes of it."""
        ...

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the prompt."""
        ...


@dataclass(frozen=True, slots=True)
class PlainPrompt:
    """A prompt that is one text.

    Attributes:
        shortened: Whether it was cut to the character limit.
        typing: Characters at its end that are a word which is still being typed.
    """

    text: str
    shortened: bool = False
    typing: int = 0

    @property
    def before(self) -> str:
        """The text without the word that is being typed."""
        return self.text[: len(self.text) - self.typing]

    @property
    def unfinished(self) -> str:
        """The word that is being typed."""
        return self.text[len(self.text) - self.typing :]

    @property
    def characters(self) -> int:
        """Of the text."""
        return len(self.text)

    @property
    def field(self) -> str:
        """Of the request."""
        return "prompt"

    def filtered(self, guard: Callable[[str], str]) -> PlainPrompt:
        """The prompt as the guard lets it pass."""
        return PlainPrompt(guard(self.text), self.shortened)

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the text."""
        return tokenizer.tokenize(self.text)


@dataclass(frozen=True, slots=True)
class TokenPrompt:
    """A prompt that is token ids, and the text that they stand for."""

    ids: tuple[int, ...]
    text: str

    @property
    def unfinished(self) -> str:
        """Nothing: whoever sends tokens does not type."""
        return ""

    @property
    def before(self) -> str:
        """The text."""
        return self.text

    @property
    def characters(self) -> int:
        """Of the text."""
        return len(self.text)

    @property
    def field(self) -> str:
        """Of the request."""
        return "prompt"

    def filtered(self, guard: Callable[[str], str]) -> TokenPrompt | PlainPrompt:
        """The prompt itself, or where the guard changes its text, that text."""
        text = guard(self.text)
        return self if text == self.text else PlainPrompt(text)

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """The ids."""
        return list(self.ids)
