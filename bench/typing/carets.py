"""Where the caret stands when a suggestion is asked for: places drawn from a text by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal, get_args

from bench.typing.words import words

Place = Literal["word", "space", "mid2", "mid3", "mid4+"]
"""After a word; after the space behind one; in a word with so many letters typed and at least two missing."""

PLACES: tuple[Place, ...] = get_args(Place)
IN_A_WORD: tuple[Place, ...] = ("mid2", "mid3", "mid4+")
WORDS_BEFORE = 2


@dataclass(frozen=True, slots=True)
class Caret:
    """A caret.

    Attributes:
        place: Where it stands in its word.
        at: Characters before it.
    """

    place: Place
    at: int


def candidates(body: str) -> list[Caret]:
    """Every place with at least two words before it; with four letters and more, one in each word."""
    found: list[Caret] = []
    for index, (start, end) in enumerate(words(body)):
        if index < WORDS_BEFORE:
            continue
        size = end - start
        if body[start - 1] == " " and body[start - 2] != " ":
            found.append(Caret("space", start))
        if body[end : end + 1] == " " and body[end + 1 : end + 2].isalpha():
            found.append(Caret("word", end))
        if size >= 4:
            found.append(Caret("mid2", start + 2))
        if size >= 5:
            found.append(Caret("mid3", start + 3))
        if size >= 6:
            found.append(Caret("mid4+", start + 4 + (index * 7 + size) % (size - 5)))
    return found


def draw(body: str, each: int, seed: int) -> list[Caret]:
    """So many carets of each place, where there are so many; they depend on the text and the seed alone."""
    rng = random.Random(f"{seed}/{body}")
    known = candidates(body)
    drawn: list[Caret] = []
    for place in PLACES:
        some = [caret.at for caret in known if caret.place == place]
        drawn += [Caret(place, at) for at in sorted(rng.sample(some, min(each, len(some))))]
    return drawn


def in_phrases(body: str, phrases: tuple[str, ...]) -> list[Caret]:
    """Places in the words of phrases, wherever these occur in a text, but for those after whole words."""
    spans = [
        (at, at + len(phrase)) for phrase in phrases for at in range(len(body)) if body.startswith(phrase, at)
    ]
    return [
        caret
        for caret in candidates(body)
        if caret.place != "word" and any(start < caret.at < end for start, end in spans)
    ]
