"""The bytes of every token: which tokens begin with a text, which ones go on with a word."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]

UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # CJK radicals
    (0x3005, 0x3007),
    (0x3040, 0x309F),  # Hiragana
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),  # CJK ideographs
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
"""Scripts that write words without spaces: UAX #29 ends a word behind each of their characters."""

NUMERIC = tuple(bytes([byte]) for byte in b"0123456789.,")
"""What a number goes on with."""


@dataclass(frozen=True, eq=False, slots=True)
class Vocabulary:
    """The tokens of a model by their bytes.

    Attributes:
        pieces: The bytes of each token at its id; empty for control tokens.
        order: int32 ids of the tokens with bytes, sorted by them.
        keys: Their bytes, in that order.
        continuing: Ids of tokens that go on with a word: they begin with a letter, or inside a character.
        word_weight: float32 [V], 1 for those and 0 for the others.
        ending: Ids of the others, control tokens among them: a word has ended before each of them.
        ending_number: Ids of those before which a number has ended, too: no digit, no decimal mark.
    """

    pieces: tuple[bytes, ...]
    order: Ints
    keys: tuple[bytes, ...]
    continuing: Ints
    word_weight: npt.NDArray[np.float32]
    ending: Ints
    ending_number: Ints

    @classmethod
    def of(cls, pieces: Sequence[bytes], control: Collection[int] = ()) -> Vocabulary:
        """The vocabulary of these bytes at each id; control tokens stand for no text."""
        hidden = frozenset(control)
        texts = tuple(b"" if number in hidden else piece for number, piece in enumerate(pieces))
        order = sorted((number for number, text in enumerate(texts) if text), key=texts.__getitem__)
        continues = np.fromiter((_continues_word(text) for text in texts), bool, len(texts))
        numbers = np.fromiter((text[:1] in NUMERIC for text in texts), bool, len(texts))
        return cls(
            texts,
            np.array(order, np.int32),
            tuple(texts[number] for number in order),
            np.flatnonzero(continues).astype(np.int32),
            continues.astype(np.float32),
            np.flatnonzero(~continues).astype(np.int32),
            np.flatnonzero(~(continues | numbers)).astype(np.int32),
        )

    def behind(self, token: int) -> Ints:
        """Ids of the tokens before which the word or number that a token ends with has ended."""
        return self.ending_number if self.pieces[token][-1:].isdigit() else self.ending

    def covers(self, typed: bytes) -> Ints:
        """Ids of the tokens that begin with `typed`, in the order of their bytes."""
        low = bisect_left(self.keys, typed)
        return self.order[low : bisect_left(self.keys, _successor(typed), low) if typed else None]

    def shorter(self, typed: bytes) -> Ints:
        """Ids of the tokens that `typed` begins with and goes on after, the shortest first."""
        found: list[int] = []
        for size in range(1, len(typed)):
            at = bisect_left(self.keys, typed[:size])
            while at < len(self.keys) and self.keys[at] == typed[:size]:
                found.append(int(self.order[at]))
                at += 1
        return np.array(found, np.int32)


def is_word_character(character: str) -> bool:
    """Whether a word goes on with it: a letter or a mark of a script that separates words."""
    if not (character.isalpha() or "\u0300" <= character <= "\u036f"):
        return False
    return not any(low <= ord(character) <= high for low, high in UNSPACED)


def _continues_word(piece: bytes) -> bool:
    if not piece:
        return False
    character = piece.decode(errors="replace")[0]
    return character == "\ufffd" or is_word_character(character)


def _successor(prefix: bytes) -> bytes:
    """The least bytes that are greater than everything that begins with the prefix."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\xff" * (len(prefix) + 64)
