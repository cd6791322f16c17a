"""A normalized text as runs of equal letters, once for each way of telling letters from separators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

LEET = {
    **dict.fromkeys("0", "o"),
    **dict.fromkeys("1!|", "i"),
    **dict.fromkeys("2", "z"),
    **dict.fromkeys("3", "e"),
    **dict.fromkeys("4@", "a"),
    **dict.fromkeys("5$", "s"),
    **dict.fromkeys("6", "g"),
    **dict.fromkeys("7+", "t"),
    **dict.fromkeys("8", "b"),
    **dict.fromkeys("9", "g"),
    **dict.fromkeys("(", "c"),
}
"""Digits and symbols that stand for a letter. What stands for i may stand for l too."""

CENSORS = "*#@%?!$^~&-"
"""Symbols that hide a letter, as in f*ck."""

COARSE = bytes.maketrans(b"l", b"i")
"""What the automaton does not tell apart: 1, ! and | are written for i and for l."""


SHORT = 128
"""Characters up to which a loop is faster than NumPy, whose calls cost a short text as much as a long one."""


def alphabet(extra: Mapping[str, str]) -> bytes:
    """The characters that count as letters, as a table for `bytes.translate`; 0 is no letter."""
    letters = {chr(code): chr(code) for code in range(ord("a"), ord("z") + 1)} | dict(extra)
    return bytes(ord(letters.get(chr(code), "\0")) for code in range(256))


PLAIN = alphabet({})


@dataclass(frozen=True, slots=True)
class LetterRuns:
    """Runs of equal letters: run `k` is letter `skeleton[k]` and lies at `[start[k], stop[k])`.

    A run never crosses a separator, so a gap lies before run `k` where `start[k] != stop[k - 1]`.
    `plain` where all letters are a to z.
    """

    skeleton: bytes
    start: Sequence[int]
    stop: Sequence[int]
    plain: bool


def read(text: bytes, letters: bytes) -> LetterRuns:
    """The letter runs of a normalized text by an alphabet; in linear time."""
    marked = text.translate(letters)
    skeleton, start, stop = _runs_of_short(marked) if len(marked) <= SHORT else _runs_of_long(marked)
    return LetterRuns(skeleton.translate(COARSE), start, stop, letters == PLAIN)


def _runs_of_short(marked: bytes) -> tuple[bytes, Sequence[int], Sequence[int]]:
    """The letter, the start and the stop of each run; 0 is no letter."""
    skeleton, start, stop = bytearray(), [], []
    last = 0
    for index, letter in enumerate(marked):
        if letter != last:
            if last:
                stop.append(index)
            if letter:
                start.append(index)
                skeleton.append(letter)
            last = letter
    if last:
        stop.append(len(marked))
    return bytes(skeleton), start, stop


def _runs_of_long(marked: bytes) -> tuple[bytes, Sequence[int], Sequence[int]]:
    """The same as `_runs_of_short`."""
    padded = np.frombuffer(b"\0" + marked + b"\0", np.uint8)
    change = np.flatnonzero(padded[1:] != padded[:-1])
    begun = padded[1:][change]
    is_run = begun != 0
    start, stop = change[is_run], change[padded[change] != 0]
    return begun[is_run].tobytes(), memoryview(start), memoryview(stop)
