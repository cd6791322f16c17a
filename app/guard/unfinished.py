"""A last word that is still being typed is not judged by itself where an innocent word begins with it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from itertools import chain, islice, takewhile

from app.guard.guard import Guard
from app.guard.loader import INNOCENT
from app.guard.variants import SHORTEST
from app.guard.verdict import Verdict
from app.guard.word_list import read_words

WORD = re.compile(r"[^\W\d_]+")
TAIL = 48
"""Characters of a text in which an unfinished phrase may begin."""

MOST = 256
"""Words and phrases that are looked at for one beginning."""


class InnocentWords:
    """Words and phrases that people write, to be asked by their beginnings: "assignment" for "ass"."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = sorted({word.lower() for word in words})

    @classmethod
    def of_tokens(cls, tokens: Iterable[bytes]) -> InnocentWords:
        """The guard's own innocent words, and the tokens of a model that are written like words.

        Words and phrases that begin with `SHORTEST` are names of hamlets, which hardly anybody is typing.
        """
        known = (word for word in read_words(INNOCENT) if not word.startswith(SHORTEST))
        texts = (token.decode(errors="replace").strip() for token in tokens)
        return cls(chain(known, filter(str.isalpha, texts)))

    def unfinished_from(self, guard: Guard, text: str, verdict: Verdict) -> int | None:
        """Where an unfinished word or phrase begins that may become innocent, if something was found in it.

        Args:
            guard: Says what is innocent.
            text: It ends where somebody is typing; "an ass." has no unfinished word.
            verdict: The guard's on this text.
        """
        if not verdict.flagged:
            return None
        last = verdict.spans[-1]
        if last.end < len(text) and not WORD.search(text, last.end):
            return None
        for word in WORD.finditer(text, max(0, len(text) - TAIL)):
            if word.start() <= last.start and self._may_become_innocent(guard, text[word.start() :].lower()):
                return word.start()
        return None

    def _may_become_innocent(self, guard: Guard, beginning: str) -> bool:
        """Whether an innocent word begins so, or behind its first word an innocent phrase."""
        words = None if " " in beginning else 1
        at = bisect_left(self._words, beginning)
        longer = takewhile(lambda word: word.startswith(beginning), islice(self._words, at, at + MOST))
        return any(
            len(word) > len(beginning) and not guard.check(" ".join(word.split()[:words])).flagged
            for word in longer
        )
