r"""Regular expressions of pre-tokenizers as a tree: classes of characters, quantifiers, alternatives.

Understood is what pre-tokenizers are written with: literals, classes such as `[^\s\p{L}]`, greedy and
possessive quantifiers of one character, groups (also without regard to case), lookahead at one
character, `$`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache, reduce

import numpy as np
import numpy.typing as npt

from models.checkpoint.unicode_categories import UNASSIGNED, read_ranges

Members = npt.NDArray[np.bool_]
"""Whether each code point belongs to a class, [0x110000]."""

POINTS = sys.maxunicode + 1
UNBOUNDED = 2**30
WHITE_SPACE = (
    *range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000,
)  # fmt: skip
"""Unicode's White_Space."""

ALSO = {"s": "\u017f", "k": "\u212a"}
"""What matches a letter without regard to case beside its two cases."""

HAN = (
    (0x2E80, 0x2FDF), (0x3005, 0x3005), (0x3007, 0x3007), (0x3021, 0x3029), (0x3038, 0x303B),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAD9), (0x16FE2, 0x16FE3), (0x16FF0, 0x16FF1),
    (0x20000, 0x323AF),
)  # fmt: skip
"""Code points of the script Han."""


@dataclass(frozen=True, eq=False, slots=True)
class Repeated:
    """A class of characters, `least` to `most` times; `keeps` never gives one back (possessive)."""

    members: Members
    least: int = 1
    most: int = 1
    keeps: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Ahead:
    """Whether the next character belongs to a class; at the text's end there is none."""

    members: Members
    negative: bool


@dataclass(frozen=True, eq=False, slots=True)
class Choice:
    """The first of several sequences after which the rest matches; an empty one may be the last."""

    sequences: tuple[tuple[Node, ...], ...]


Node = Repeated | Ahead | Choice


def parse(pattern: str) -> Choice:
    """The tree of a regular expression.

    Raises:
        ValueError: It has something that is not understood.
    """
    reader = _Reader(pattern)
    found = reader.choice(ignoring_case=False)
    if reader.at < len(pattern):
        raise ValueError(f"the pattern {pattern!r}: {pattern[reader.at :]!r} is not understood")
    return found


class _Reader:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def _next(self, text: str) -> bool:
        if self.pattern.startswith(text, self.at):
            self.at += len(text)
            return True
        return False

    def _take(self) -> str:
        if self.at >= len(self.pattern):
            raise ValueError(f"the pattern {self.pattern!r} ends too early")
        self.at += 1
        return self.pattern[self.at - 1]

    def choice(self, *, ignoring_case: bool) -> Choice:
        sequences = [self._sequence(ignoring_case)]
        while self._next("|"):
            sequences.append(self._sequence(ignoring_case))
        return _factored(sequences)

    def _sequence(self, ignoring_case: bool) -> tuple[Node, ...]:
        nodes: list[Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            nodes += self._item(ignoring_case)
        return tuple(nodes)

    def _item(self, ignoring_case: bool) -> list[Node]:
        for opening, negative in (("(?!", True), ("(?=", False)):
            if self._next(opening):
                inner = self.choice(ignoring_case=ignoring_case)
                self._close()
                return [Ahead(self._single(inner).members, negative)]
        if self._next("$"):
            return [Ahead(np.ones(POINTS, bool), negative=True)]
        for opening, without_case in (("(?i:", True), ("(?:", ignoring_case), ("(", ignoring_case)):
            if self._next(opening):
                group = self.choice(ignoring_case=without_case)
                self._close()
                return [self._repeated_group(group)]
        members = self._atom(ignoring_case)
        least, most, keeps = self._quantifier()
        return [Repeated(members, least, most, keeps)]

    def _close(self) -> None:
        if not self._next(")"):
            raise ValueError(f"the pattern {self.pattern!r} has a group that does not end")

    def _single(self, group: Choice) -> Repeated:
        match group.sequences:
            case ((Repeated(least=1, most=1) as only,),):
                return only
        raise ValueError(f"the pattern {self.pattern!r} looks at or repeats more than one character")

    def _repeated_group(self, group: Choice) -> Node:
        least, most, keeps = self._quantifier()
        if (least, most) == (1, 1):
            return group
        if (least, most) == (0, 1) and not keeps:
            return Choice((*group.sequences, ()))
        return Repeated(self._single(group).members, least, most, keeps)

    def _quantifier(self) -> tuple[int, int, bool]:
        bounds = 1, 1
        for sign, meaning in (("?", (0, 1)), ("*", (0, UNBOUNDED)), ("+", (1, UNBOUNDED))):
            if self._next(sign):
                bounds = meaning
                break
        else:
            if not self._next("{"):
                return 1, 1, False
            inner = self.pattern[self.at : self.pattern.index("}", self.at)]
            self.at += len(inner) + 1
            low, _, high = inner.partition(",")
            bounds = int(low), int(high or (UNBOUNDED if "," in inner else low))
        if self._next("?"):
            raise ValueError(f"the pattern {self.pattern!r} has a lazy quantifier")
        return (*bounds, self._next("+"))

    def _atom(self, ignoring_case: bool) -> Members:
        character = self._take()
        if character == "[":
            return self._class(ignoring_case)
        if character == "\\":
            return self._escape()
        if character == ".":
            return ~_listed("\n")
        return _cased(character) if ignoring_case else _listed(character)

    def _class(self, ignoring_case: bool) -> Members:
        negative, members = self._next("^"), np.zeros(POINTS, bool)
        while not self._next("]"):
            if self._next("&&"):
                members = members & self._rest_of_class(ignoring_case)
                break
            members |= self._part_of_class(ignoring_case)
        return ~members if negative else members

    def _rest_of_class(self, ignoring_case: bool) -> Members:
        members = np.zeros(POINTS, bool)
        while not self._next("]"):
            members |= self._part_of_class(ignoring_case)
        return members

    def _part_of_class(self, ignoring_case: bool) -> Members:
        character = self._take()
        if character == "[":
            return self._class(ignoring_case)
        if character == "\\":
            members = self._escape()
            first = int(members.argmax()) if members.sum() == 1 else None
        else:
            first, members = ord(character), _listed(character)
        if first is not None and re.match("-[^]]", self.pattern[self.at :]):
            self.at += 1
            last = self._take()
            end = int(self._escape().argmax()) if last == "\\" else ord(last)
            members = np.zeros(POINTS, bool)
            members[first : end + 1] = True
        return members

    def _escape(self) -> Members:
        letter = self._take()
        if letter in "pP":
            if not self._next("{"):
                raise ValueError(f"the pattern {self.pattern!r} has a class without a name")
            name = self.pattern[self.at : self.pattern.index("}", self.at)]
            self.at += len(name) + 1
            members = _property(name)
            return ~members if letter == "P" else members
        if letter in "sSdD":
            members = _listed(map(chr, WHITE_SPACE)) if letter in "sS" else _property("Nd")
            return ~members if letter in "SD" else members
        if letter == "x" and self._next("{"):
            digits = self.pattern[self.at : self.pattern.index("}", self.at)]
            self.at += len(digits) + 1
            return _listed(chr(int(digits, 16)))
        if letter in "xu":
            length = 2 if letter == "x" else 4
            digits = self.pattern[self.at : self.at + length]
            self.at += length
            return _listed(chr(int(digits, 16)))
        known = {"r": "\r", "n": "\n", "t": "\t", "f": "\f", "v": "\v"}
        if letter.isalnum() and letter not in known:
            raise ValueError(f"the pattern {self.pattern!r}: \\{letter} is not understood")
        return _listed(known.get(letter, letter))


def _factored(sequences: list[tuple[Node, ...]]) -> Choice:
    """Fewer sequences for the same matches: those of one character joined, where nothing else begins so."""
    heads = [sequence[0] if sequence else None for sequence in sequences]
    first = heads[0]
    if len(sequences) > 1 and isinstance(first, Repeated) and all(_same(first, head) for head in heads):
        return Choice(((first, _factored([sequence[1:] for sequence in sequences])),))
    single = [len(s) == 1 and _same(s[0], s[0]) for s in sequences]
    begins = [head.members for head in heads if isinstance(head, Repeated)]
    disjoint = len(begins) == len(sequences) and (np.sum(begins, axis=0) <= 1).all()
    if disjoint and sum(single) > 1:
        joined = reduce(np.logical_or, (b for b, alone in zip(begins, single, strict=True) if alone))
        others = [s for s, alone in zip(sequences, single, strict=True) if not alone]
        return Choice(((Repeated(joined),), *others))
    return Choice(tuple(sequences))


def _same(a: Node, b: Node | None) -> bool:
    """Whether both are the same class, once."""
    return (
        isinstance(a, Repeated)
        and isinstance(b, Repeated)
        and (a.least, a.most, b.least, b.most) == (1, 1, 1, 1)
        and np.array_equal(a.members, b.members)
    )


def _listed(characters: object) -> Members:
    members = np.zeros(POINTS, bool)
    for character in characters:  # type: ignore[attr-defined]
        members[ord(character)] = True
    return members


def _cased(character: str) -> Members:
    return _listed({character, character.lower(), character.upper(), *ALSO.get(character.lower(), "")})


@cache
def _property(name: str) -> Members:
    """The characters of a general category, or of the script Han."""
    if name in ("Han", "Script=Han"):
        members = np.zeros(POINTS, bool)
        for first, last in HAN:
            members[first : last + 1] = True
        return members
    found = np.full(POINTS, UNASSIGNED.startswith(name))
    for category, points in read_ranges():
        found[points.start : points.stop] = category.startswith(name)
    if not found.any():
        raise ValueError(f"\\p{{{name}}} is not understood")
    return found
