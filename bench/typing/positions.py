"""One suggestion at each caret: what would have been right there, and whether it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.typing.carets import Caret
from bench.typing.suggestion import Suggestion
from bench.typing.texts import Text
from bench.typing.words import is_right, next_word

AMONG = 3
"""Suggestion and alternatives together, among which the right one may be."""


@dataclass(frozen=True, slots=True)
class Position:
    """A caret and the answer there.

    Attributes:
        text: In which the caret stands.
        caret: Where it stands.
        target: What is written next, up to the end of the current or next word.
        suggestion: What was answered.
    """

    text: Text
    caret: Caret
    target: str
    suggestion: Suggestion

    @property
    def right(self) -> bool:
        """Whether the suggestion begins with the target."""
        return is_right(self.suggestion.text, self.target)

    @property
    def among(self) -> bool:
        """Whether the target begins the suggestion or one of the first alternatives, three texts in all."""
        first = self.suggestion.text
        others = [text for text in self.suggestion.alternatives if text != first]
        return any(is_right(text, self.target) for text in [first, *others][:AMONG])


def ask_at(text: Text, caret: Caret, ask: Callable[[str], Suggestion]) -> Position:
    """Ask a service for what stands behind a caret."""
    before, rest = text.body[: caret.at], text.body[caret.at :]
    return Position(text, caret, next_word(rest), ask(before))
