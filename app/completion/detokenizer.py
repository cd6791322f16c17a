"""A stream of token ids as a stream of text."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Sequence

from app.model.tokenizer import Tokenizer


class Detokenizer:
    """Turns token ids into text piece by piece, never showing half a character.

    A byte-level token may end inside a character: its last bytes wait for the next token, and are dropped
    where none comes. Bytes that can no longer become a character are replaced by U+FFFD.

    Attributes:
        typed: Bytes at the beginning that a person has typed already: they are not shown.
        pushed: The bytes of the last ids, without those; of special tokens alone, their names.
    """

    def __init__(self, tokenizer: Tokenizer, typed: int = 0, special: Collection[int] = ()) -> None:
        """`special` tokens have a name and stand for no text: they are not shown."""
        self.typed = typed
        self.pushed = b""
        self._tokenizer = tokenizer
        self._special = special
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, ids: Sequence[int]) -> str:
        """The characters that these ids complete."""
        shown = [number for number in ids if number not in self._special]
        if not shown:
            self.pushed = self._tokenizer.detokenize(ids)
            return ""
        data = self._tokenizer.detokenize(shown)
        hidden = min(self.typed, len(data))
        self.typed -= hidden
        self.pushed = data[hidden:]
        return self._decoder.decode(self.pushed)

    @property
    def inside(self) -> bool:
        """Whether the last bytes wait for the rest of their character."""
        return self._decoder.getstate()[0] != b""
