"""Token healing: the last piece of a prompt is not tokenized, the first new tokens must begin with it.

A BPE model has hardly ever seen " Fra" followed by "nce", because the text " France" is one token. So the
text is cut at the beginning of its last piece, as the model's pre-tokenizer cuts (a word with the space
before it, a run of white space, of punctuation, a digit); the piece goes to the engine as bytes.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import regex

from app.model.manifest import Manifest
from app.model.tokenizer import Tokenizer
from app.model.vocabulary import Vocabulary

DIGITS_ALONE = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""GPT-2's pre-tokenizer with digits one by one, as SmolLM2 has it (tokenizer.json, `Digits`, `ByteLevel`).

Taken where a manifest names none.
"""

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
    """Cuts the last piece off prompts, as the tokenizer that a manifest describes cuts words."""

    def __init__(self, vocabulary: Vocabulary, tokenizer: Tokenizer, manifest: Manifest) -> None:
        self._vocabulary = vocabulary
        self._tokenizer = tokenizer
        self._patterns = [regex.compile(each) for each in manifest.word_patterns or (DIGITS_ALONE,)]
        self._normalizer = manifest.normalizer
        self._prefix = " " if manifest.prefix_space else ""

    def split(self, text: str) -> HealedPrompt:
        """A prompt as it is given to the engine.

        Where no token begins with all of the piece, its first tokens are kept until one does. Where the
        tokenizer puts a space before a text, the first piece has it.
        """
        if self._normalizer is not None:
            text = unicodedata.normalize(self._normalizer, text)
        piece = self._last_piece(text)
        before = text[: len(text) - len(piece)]
        if not before and not piece.startswith(" "):
            piece = self._prefix + piece
        typed, ids = piece.encode(), list[int]()
        if not len(self._vocabulary.covers(typed)):
            for token in self.tokens(piece):
                ids.append(token)
                typed = typed[len(self._vocabulary.pieces[token]) :]
                if len(self._vocabulary.covers(typed)):
                    break
        return HealedPrompt(before, tuple(ids), typed)

    def tokens(self, piece: str) -> list[int]:
        """Tokens of a text that begins with a piece; without the space that a tokenizer puts before it."""
        if not self._prefix:
            return self._tokenizer.tokenize(piece)
        if piece.startswith(self._prefix):
            return self._tokenizer.tokenize(piece[1:])
        ids, rest = list[int](), piece.encode()  # the tokenizer would put a space before it
        while len(shorter := self._vocabulary.shorter(rest + b"\0")):
            ids.append(int(shorter[-1]))
            rest = rest[len(self._vocabulary.pieces[ids[-1]]) :]
        return ids

    def bytes_of(self, token: int) -> bytes:
        """What a token stands for; nothing where it is no text."""
        return self._vocabulary.pieces[token]

    def first_piece(self, text: str) -> str:
        """The piece that a text begins with."""
        piece = text[:TAIL]
        for pattern in self._patterns:
            match = pattern.search(piece)
            if match is not None:
                piece = piece[: match.start() or match.end()]
        return piece

    def _last_piece(self, text: str) -> str:
        """The last word of the last word and so on, where patterns cut one after the other."""
        piece = text[-TAIL:]
        for pattern in self._patterns:
            start, end = 0, 0
            for match in pattern.finditer(piece):
                start, end = match.span()
            piece = piece[start:] if end == len(piece) else piece[end:]
        return piece
