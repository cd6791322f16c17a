"""Kinds of characters, as GPT-2's pre-tokenizer tells them apart, and a trie to find them by UTF-8 bytes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

import numpy as np
import numpy.typing as npt

from models.checkpoint.unicode_categories import read_ranges

Integers = npt.NDArray[np.int32]


class Kind(IntEnum):
    """What a character is to the pre-tokenizer."""

    EDGE = 0  # none at all: before the text, or behind it
    LETTER = 1
    NUMBER = 2
    OTHER = 3
    SPACE = 4  # white space but U+0020
    BLANK = 5  # U+0020: it opens the word behind it
    QUOTE = 6  # U+0027: it may open a contraction
    STMD = 7  # the letter of 's 't 'm 'd
    RV = 8  # the first letter of 're 've
    E = 9
    L = 10

    @property
    def is_letter(self) -> bool:
        """Whether a letter, also one of a contraction."""
        return self in (Kind.LETTER, Kind.STMD, Kind.RV, Kind.E, Kind.L)

    @property
    def is_space(self) -> bool:
        """Whether white space."""
        return self in (Kind.SPACE, Kind.BLANK)


SPECIFIC = {
    Kind.SPACE: "\t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a",
    Kind.BLANK: " ",
    Kind.QUOTE: "'",
    Kind.STMD: "stmd",
    Kind.RV: "rv",
    Kind.E: "e",
    Kind.L: "l",
}
"""Characters by kind, where their category does not say it; white space is Unicode's White_Space."""

NEWEST_NUMBERS = [*range(0x11DE0, 0x11DEA), *range(0x16FF4, 0x16FF7)]
"""Numbers of Unicode 17: `tokenizers` knows them where it splits digits, but not in regular expressions."""


@cache
def character_kinds(digits: bool) -> Integers:
    """Kind of every code point, [0x110000].

    Unicode 16, as the regular expressions of `tokenizers` 0.23. With `digits`, where each
    number is a word, its splitter of digits decides what a number is: Unicode 17.
    """
    majors = {"L": Kind.LETTER, "N": Kind.NUMBER}
    kinds = np.full(sys.maxunicode + 1, Kind.OTHER, np.int32)
    for category, points in read_ranges():
        kinds[points.start : points.stop] = majors.get(category[0], Kind.OTHER)
    for kind, characters in SPECIFIC.items():
        kinds[[ord(character) for character in characters]] = kind
    if digits:
        kinds[NEWEST_NUMBERS] = Kind.NUMBER
    return kinds


@dataclass(frozen=True)
class KindTrie:
    """Kinds by UTF-8 bytes, one look-up a byte.

    From the node `first[lead]` each of the next three bytes leads on: `node = next[node + column[byte]]`. The
    last node is the kind. A kind leads to itself, so a shorter character may be followed by anything.

    Attributes:
        first: [256]
        column: [256], the low six bits times the number of nodes.
        next: [64 * nodes]
    """

    first: Integers
    column: Integers
    next: Integers


@cache
def kind_trie(digits: bool) -> KindTrie:
    """The trie of `character_kinds`; bytes that begin no character are of kind OTHER."""
    return trie_of(character_kinds(digits), len(Kind), other=Kind.OTHER)


def trie_of(kinds: Integers, count: int, *, other: int) -> KindTrie:
    """The trie of kinds below `count`, [0x110000]; `other` is that of bytes that begin no character."""
    level = np.full(2**21, other, np.int32)  # four bytes carry 21 bits
    level[: sys.maxunicode + 1] = kinds
    first = np.full(256, other, np.int32)
    first[:0x80] = level[:0x80]
    nodes = np.repeat(np.arange(count, dtype=np.int32)[:, None], 64, axis=1)  # [nodes, 64]
    for lead, leads in ((0xC0, 32), (0xE0, 16), (0xF0, 8)):
        rows, row_of = _unique_rows(level.reshape(-1, 64))
        level = (len(nodes) + row_of).astype(np.int32)
        nodes = np.concatenate([nodes, rows])
        first[lead : lead + leads] = level[:leads]
    column = np.arange(256, dtype=np.int32) % 64 * len(nodes)
    return KindTrie(first, column, nodes.T.reshape(-1))


def _unique_rows(rows: Integers) -> tuple[Integers, Integers]:
    """The different rows in ascending order, and which of them each row is.

    As `np.unique(rows, axis=0)`, thirty times as fast: bytes with the highest first are in the order of
    the numbers.
    """
    keys = [row.tobytes() for row in rows.astype(">i4")]
    number = {key: at for at, key in enumerate(sorted(set(keys)))}
    unique = np.array([np.frombuffer(key, ">i4") for key in number], np.int32)
    return unique, np.array([number[key] for key in keys], np.int32)
