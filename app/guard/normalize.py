"""Normalizing: a text becomes plain ASCII, and every character knows where it came from.

One table look-up a character does what NFKD, case folding, the removal of marks and of invisible
characters, and the Unicode confusables do, because none of them needs a neighbour here.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

MASK = "█"
"""Stands for each character of a masked word; read as a letter, so the rest of the word stays a rest."""

IGNORED, SEVERAL, FOREIGN, MASKED, OTHER = "\0", "\1", "\2", "\3", "\4"
"""Marks: no character at all, more than one, a letter of a script without words of this kind such as
Chinese, a character that was masked, and a letter that is not a to z."""

REMEMBERED = 20_000
"""Code points whose fold is kept; more would only serve who sends them all."""

FILLERS = "\u115f\u1160\u3164\uffa0"


@dataclass(frozen=True)
class Normalized:
    """ASCII text of the same length or nearly: `origin[i]` is the index in `source` of `text[i]`.

    Before `begin` is only the last character of a text that went before: it tells whether a word begins.
    """

    source: str
    text: str
    origin: Sequence[int]
    begin: int = 0

    @cached_property
    def cased(self) -> str:
        """The text with the capitals of its source."""
        source = self.source
        if source.isascii() and len(source) == len(self.text):
            return source
        return "".join(
            [
                letter.upper() if source[index].isupper() else letter
                for letter, index in zip(self.text, self.origin, strict=True)
            ]
        )

    def around(self, start: int, stop: int) -> str:
        """The original characters of `text[start:stop]`, and those right before and after."""
        origin, last = self.origin, len(self.text) - 1
        return self.source[origin[start - 1 if start else 0] : origin[min(stop, last)] + 1]

    def splits(self, index: int) -> bool:
        """Whether `text[index - 1]` and `text[index]` come from one character of the source."""
        return self.origin[index - 1] == self.origin[index]

    def written(self, start: int, stop: int) -> str:
        """The original characters of `text[start:stop]`."""
        return self.source[self.origin[start] : self.origin[stop - 1] + 1] if start < stop else ""


class CharacterTable(dict[int, str]):
    """Code point to folded character, for `str.translate`; filled as code points are met."""

    def __init__(self, lookalikes: Mapping[str, str]) -> None:
        super().__init__()
        self.lookalikes = lookalikes

    def __missing__(self, code: int) -> str:
        normalized = self.expand(chr(code))
        mark = normalized if len(normalized) == 1 else SEVERAL
        if len(self) < REMEMBERED:
            self[code] = mark
        return mark

    def expand(self, character: str) -> str:
        """All the ASCII characters that one character stands for, or one of the marks."""
        if character == MASK:
            return MASKED
        if character in self.lookalikes:
            return self.lookalikes[character]
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
        normalized = "".join(map(self._one, plain))
        if len(normalized) > 1 and unicodedata.category(character) in {"So", "No", "Po", "Sk"}:
            letters = [letter for letter in normalized if letter.isalpha()]
            return letters[0] if len(letters) == 1 else "."
        return normalized or IGNORED

    def _one(self, character: str) -> str:
        category = unicodedata.category(character)
        if character in self.lookalikes:
            return self.lookalikes[character]
        if character.isascii():
            return "" if category == "Cc" and not character.isspace() else character
        if category in {"Mn", "Me", "Cf", "Cc"} or character in FILLERS:
            return ""
        if category[0] == "Z":
            return " "
        if category == "Pd":
            return "-"
        if category == "Nd":
            return str(unicodedata.decimal(character))
        if category in {"Lu", "Ll", "Lt"}:
            return OTHER
        return FOREIGN if category[0] in "LMNC" else "."


def normalize(text: str, table: CharacterTable, *, edge: str = "") -> Normalized:
    """Normalize a text behind the character that went before it, `edge`; in linear time."""
    source = edge + text
    flat = source.translate(table)
    if IGNORED not in flat and SEVERAL not in flat:
        return Normalized(source, flat, range(len(source)), len(edge))
    pieces: list[str] = []
    origin: list[int] = []
    for index, character in enumerate(flat):
        if character == IGNORED:
            continue
        piece = table.expand(source[index]) if character == SEVERAL else character
        pieces.append(piece)
        origin.extend([index] * len(piece))
    return Normalized(source, "".join(pieces), origin, len(table.expand(edge)) if edge else 0)
