"""Words and phrases of a person's or an organisation's own: which of them fit what is typed.

A phrase fits where the end of the text begins it, at the beginning of a word: "ask Ingrid Sø" fits "Ingrid
Sørlie". How likely it is beside what the model expects is decided in the engine; here it gets its weight.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.engine.messages import Phrase

MOST_PHRASES = 100
"""Phrases of a request."""

LONGEST_PHRASE = 100
"""Characters of a phrase."""

MOST_KEPT = 10_000
"""Phrases of a file."""

MOST_FITTING = 8
"""Phrases that are weighed at one place: those of which most is typed."""

BEGUN = 0.01
"""Weight of a phrase whose first word is being typed, shared by all that fit."""

CONTINUED = 0.3
"""Weight of the phrases whose first word is typed, shared by them: some words begin other texts, too."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """A phrase that is being typed.

    Attributes:
        typed: Characters of it that are there.
        rest: What is missing.
        continued: Whether its first word is complete.
    """

    typed: int
    rest: str
    continued: bool


class Phrases:
    """A set of phrases, found by how they begin."""

    def __init__(self, phrases: Iterable[str] = ()) -> None:
        self.known = tuple(sorted({phrase.strip() for phrase in phrases} - {""}))

    def fitting(self, text: str) -> list[Fitting]:
        """The phrases that the end of a text begins, at most MOST_FITTING; the most typed first."""
        found: dict[str, Fitting] = {}
        first = max(0, len(text) - LONGEST_PHRASE) if self.known else len(text)
        for start in range(first, len(text)):
            if not text[start].isalnum() or (start and text[start - 1].isalnum()):
                continue
            for phrase in self._beginning(text[start:]):
                typed = len(text) - start
                continued = not text[start:].isalnum()
                found.setdefault(phrase, Fitting(typed, phrase[typed:], continued))
                if len(found) == MOST_FITTING:
                    return list(found.values())
        return list(found.values())

    def _beginning(self, typed: str) -> Iterator[str]:
        """Phrases that begin with a text, or do so once a capital that begins a sentence is lowered."""
        for beginning in dict.fromkeys((typed, typed[0].lower() + typed[1:])):
            at = bisect_left(self.known, beginning)
            while at < len(self.known) and self.known[at].startswith(beginning):
                if len(self.known[at]) > len(beginning):
                    yield self.known[at]
                at += 1


def weighed(
    fitting: Iterable[Fitting], typed: bytes, tokenize: Callable[[str], Sequence[int]], *, rare: bool = False
) -> tuple[Phrase, ...]:
    """Phrases as the engine takes them.

    Args:
        fitting: Phrases that are being typed.
        typed: Bytes of the last piece of the text, which is written anew.
        tokenize: Tokens of a text that begins with the piece.
        rare: Whether what is typed is hardly a word of anything else.
    """
    try:
        piece = typed.decode()
    except UnicodeDecodeError:  # the piece begins inside a character
        return ()
    texts = {piece + one.rest: one.continued or rare for one in fitting}
    continued = sum(texts.values())
    begun = len(texts) - continued
    return tuple(
        Phrase(tuple(tokenize(text)), CONTINUED / continued if certain else BEGUN / begun)
        for text, certain in texts.items()
    )


def read_phrases(path: Path | None) -> Phrases:
    """Phrases of a file with one a line; empty lines and those that begin with # are left out.

    Raises:
        ValueError: The file cannot be read, or has too many or too long phrases; the message says where.
    """
    if path is None:
        return Phrases()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    phrases = []
    for number, line in enumerate(lines, 1):
        if len(line.strip()) > LONGEST_PHRASE:
            raise ValueError(f"{path}, line {number}: at most {LONGEST_PHRASE} characters are accepted")
        if line.strip() and not line.startswith("#"):
            phrases.append(line)
    if len(phrases) > MOST_KEPT:
        raise ValueError(f"{path}: at most {MOST_KEPT} phrases are accepted")
    return Phrases(phrases)
