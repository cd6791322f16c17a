"""A stream of token ids as a stream of text."""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from app.model.tokenizer import Tokenizer


class Detokenizer:
    """Turns token ids into text piece by piece, never showing half a character.

    A byte-level token may end inside a character: its last bytes wait for the next token. Bytes that can no
    longer become a character are replaced by U+FFFD, as `bytes.decode(errors="replace")` does.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, ids: Sequence[int]) -> str:
        """The characters that these ids complete."""
        return self._decoder.decode(self._tokenizer.detokenize(ids))

    def finish(self) -> str:
        """U+FFFD for a character that was begun and not completed, else nothing."""
        return self._decoder.decode(b"", final=True)
