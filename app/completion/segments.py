"""Tokenizes a text that grows: what was tokenized before is not tokenized again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.completion.recently_used import RecentlyUsed
from app.model.tokenizer import Tokenizer

SEGMENT = 512
"""Characters after which a segment ends, at the next place where it may."""

KEPT = 512
"""Segments whose tokens are kept; the least recently used leave first."""


Segments = RecentlyUsed[str, list[int]]
"""Tokens of segments; may be shared between tokenizers that do the same."""


class SegmentedTokenizer:
    """A tokenizer that remembers the tokens of segments of texts.

    Segments are cut from the start of the text, before a space between two words: every pre-tokenizer begins
    a new piece there, so the tokens of a text are those of its segments. A tokenizer that puts a space before
    a text is not given that space.
    """

    def __init__(
        self, tokenizer: Tokenizer, known: Segments | None = None, *, prefix_space: bool = False
    ) -> None:
        self._tokenizer = tokenizer
        self._prefix_space = prefix_space
        self._known = Segments(KEPT) if known is None else known

    def unread(self, text: str) -> int:
        """Characters of a text that `tokenize` would read."""
        return sum(len(segment) for segment in self._segments(text) if segment not in self._known)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text; see Tokenizer."""
        ids: list[int] = []
        for segment in self._segments(text):
            ids += self._segment(segment)
        return ids

    def detokenize(self, ids: Sequence[int]) -> bytes:
        """See Tokenizer."""
        return self._tokenizer.detokenize(ids)

    def _segments(self, text: str) -> Iterator[str]:
        for number, segment in enumerate(_cut(text)):
            yield segment[1:] if number and self._prefix_space else segment

    def _segment(self, text: str) -> list[int]:
        found = self._known.get(text)
        if found is None:
            found = self._tokenizer.tokenize(text)
            self._known.keep(text, found)
        return found


def _cut(text: str) -> Iterator[str]:
    start = 0
    while (end := _boundary(text, start + SEGMENT)) is not None:
        yield text[start:end]
        start = end
    yield text[start:]


def _boundary(text: str, start: int) -> int | None:
    """The first place from `start` on where a space stands between two letters."""
    at = text.find(" ", start)
    while at != -1 and at + 1 < len(text):
        if text[at - 1].isalpha() and text[at + 1].isalpha():
            return at
        at = text.find(" ", at + 1)
    return None
