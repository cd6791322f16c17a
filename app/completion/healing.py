"""Token healing: the last piece of a prompt is not tokenized, the first new tokens must begin with it.

A byte-level BPE model has hardly ever seen " Fra" followed by "nce", because the text " France" is one
token. So the text is cut at the beginning of its last piece, as the model's pre-tokenizer cuts (a word with
the space before it, a run of white space, of punctuation, a digit); the piece goes to the engine as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import regex

from app.model.tokenizer import Tokenizer
from app.model.vocabulary import Vocabulary

DIGITS_ALONE = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""GPT-2's pre-tokenizer with digits one by one, as SmolLM2 has it (tokenizer.json, `Digits`, `ByteLevel`)."""

TAIL = 256
"""Characters at a text's end in which its last piece is looked for; a longer piece is cut inside."""


@dataclass(frozen=True, slots=True)
class HealedPrompt:
    """A prompt without its last piece.

    Attributes:
        before: The text that stands before it.
        ids: Tokens of the piece's beginning, where no token begins with all of it.
        typed: Bytes that the first new tokens must begin with.
    """

    before: str
    ids: tuple[int, ...]
    typed: bytes

    @property
    def healed(self) -> int:
        """Characters of what is typed that new tokens are written over."""
        return len(self.typed.decode(errors="ignore"))


class Healer:
    """Cuts the last piece off prompts."""

    def __init__(self, vocabulary: Vocabulary, tokenizer: Tokenizer, pattern: str = DIGITS_ALONE) -> None:
        self._vocabulary = vocabulary
        self._tokenizer = tokenizer
        self._pattern = regex.compile(pattern)

    def split(self, text: str) -> HealedPrompt:
        """A prompt as it is given to the engine.

        Where no token begins with all of the piece, its first tokens are kept until one does.
        """
        piece = self._last_piece(text)
        before, typed = text[: len(text) - len(piece)], piece.encode()
        if len(self._vocabulary.covers(typed)):
            return HealedPrompt(before, (), typed)
        ids: list[int] = []
        for token in self._tokenizer.tokenize(piece):
            ids.append(token)
            typed = typed[len(self._vocabulary.pieces[token]) :]
            if len(self._vocabulary.covers(typed)):
                break
        return HealedPrompt(before, tuple(ids), typed)

    def _last_piece(self, text: str) -> str:
        tail = text[-TAIL:]
        pieces = self._pattern.findall(tail)
        return pieces[-1] if pieces and tail.endswith(pieces[-1]) else ""
