"""Any pre-tokenizer of regular expressions as a graph: where its words begin.

A match of a sequence is computed from its last part to its first, at all places at once: where the rest of
the sequence ends, if it matches there. What a backtracking matcher would find comes out, since a greedy part
ends at the last place from which the rest matches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.checkpoint.pattern import UNBOUNDED, Ahead, Choice, Members, Node, Repeated, parse
from models.graphs.character_classes import KindTrie, trie_of
from models.graphs.pair_table import Integers
from models.graphs.walk import visited
from models.tflite.graph import Tensor
from models.tflite.ops import arange, cast, concat, gather, maximum, reshape, shape
from models.tflite.sequence_ops import (
    cumsum,
    cut,
    either,
    equal,
    following,
    greater,
    minimum,
    pad,
    previous,
    select,
    where,
)

BYTES = 256
EDGE = 0
"""Kind of what is no character: before a text, behind it, an added token."""


@dataclass(frozen=True)
class Splitter:
    """Regular expressions, one after the other, and the kinds of characters that they tell apart.

    Attributes:
        patterns: Each splits the pieces of those before it.
        trie: Kinds of characters by bytes.
        of_kind: A character of each kind from 1 on.
    """

    patterns: tuple[Choice, ...]
    trie: KindTrie
    of_kind: Integers


@lru_cache(maxsize=4)
def splitter(patterns: tuple[str, ...]) -> Splitter:
    """Prepare regular expressions.

    Raises:
        ValueError: One has something that is not understood.
    """
    trees = tuple(map(parse, patterns))
    classes = [members for tree in trees for members in _classes(tree)]
    signature = np.packbits(np.stack(classes), axis=0).T  # [code points, bytes]
    _, of_kind, kinds = np.unique(signature, axis=0, return_index=True, return_inverse=True)
    return Splitter(
        trees,
        trie_of(
            kinds.reshape(-1).astype(np.int32) + 1, len(of_kind) + 1, other=int(kinds.reshape(-1)[0xFFFD]) + 1
        ),
        of_kind.astype(np.int32),
    )


def _classes(node: Node) -> Iterator[Members]:
    if isinstance(node, Choice):
        for sequence in node.sequences:
            for each in sequence:
                yield from _classes(each)
    else:
        yield node.members


def split_words(code: Tensor, patterns: tuple[str, ...]) -> Tensor:
    """Number of each byte's word, from 1 on, int32 [n]; 0 for continuation bytes before any character.

    Args:
        code: Bytes of a text, and larger numbers for added tokens, words between two texts, int32 [n].
        patterns: Regular expressions.
    """
    rules = splitter(patterns)
    byte = minimum(code, BYTES)
    leads = gather(_table(code, [int(b & 0xC0 != 0x80) for b in range(BYTES)] + [1]), byte)
    kind = gather(_kinds(byte, rules.trie), where(equal(leads, 1)))  # [characters]
    real = kind * 0 + 1
    for number, tree in enumerate(rules.patterns):
        begins = _Matcher(kind, rules).begins(tree)
        if number < len(rules.patterns) - 1:
            kind, real = _parted(kind, real, begins)
    word = gather(cumsum(begins), where(equal(real, 1)))  # grows with each word
    return gather(pad(word, 1, 0), cumsum(leads))


def _parted(kind: Tensor, real: Tensor, begins: Tensor) -> tuple[Tensor, Tensor]:
    """Kinds with an edge before each word, and which of them are characters."""
    pairs = [(kind * 0, kind), (real * 0, real), (begins, real * 0 + 1)]
    joined = [reshape(concat([reshape(x, [-1, 1]) for x in pair], 1), [-1]) for pair in pairs]
    kept = where(equal(joined[2], 1))
    return gather(joined[0], kept), gather(joined[1], kept)


def _table(like: Tensor, values: Sequence[int] | Integers) -> Tensor:
    return like.graph.constant(values, "int32")


def _kinds(byte: Tensor, trie: KindTrie) -> Tensor:
    column = gather(_table(byte, np.append(trie.column, 0)), byte)
    node = gather(_table(byte, np.append(trie.first, EDGE)), byte)
    for _ in range(3):
        column = following(column, 0)
        node = gather(_table(byte, trie.next), node + column)
    return node


class _Matcher:
    """Matches at all places of a sequence of kinds [m]; an edge is added behind it.

    Where something ends is int32 [m + 1], -1 where it does not match; None is the place itself.
    """

    def __init__(self, kind: Tensor, rules: Splitter) -> None:
        self._rules = rules
        self._kind = pad(kind, 0, 1, EDGE)
        self._place = arange(shape(self._kind))
        self._belongs: dict[bytes, Tensor] = {}
        self._run_ends: dict[bytes, Tensor] = {}

    def begins(self, tree: Choice) -> Tensor:
        """Where words begin, int32 [m], 1 or 0: at each match, and behind one where no other begins."""
        end = self._choice(tree, None)
        matched = cast(either(greater(end, self._place), equal(self._kind, EDGE)), "int32")
        step = maximum(maximum(end, self._place + 1), 0)
        seen = visited(cut(minimum(step, shape(self._kind) - 1), 0, -1))
        matched = cut(matched, 0, -1)
        loose = seen * (matched * -1 + 1)  # visited and not matched: such neighbours are one word
        return seen * cast(either(equal(matched, 1), equal(previous(loose, 0), 0)), "int32")

    def _choice(self, choice: Choice, rest: Tensor | None) -> Tensor:
        found: Tensor | None = None
        for sequence in reversed(choice.sequences):
            end = self._sequence(sequence, rest)
            found = end if found is None else select(greater(end, -1), end, found)
        assert found is not None
        return found

    def _sequence(self, sequence: tuple[Node, ...], rest: Tensor | None) -> Tensor:
        for node in reversed(sequence):
            match node:
                case Choice():
                    rest = self._choice(node, rest)
                case Ahead():
                    rest = self._ahead(node, rest)
                case Repeated():
                    rest = self._repeated(node, rest)
        return self._place if rest is None else rest

    def _ahead(self, node: Ahead, rest: Tensor | None) -> Tensor:
        allowed = equal(self._member(node.members), 0 if node.negative else 1)
        return select(allowed, self._place if rest is None else rest, -1)

    def _repeated(self, node: Repeated, rest: Tensor | None) -> Tensor:
        member = self._member(node.members)
        if node.most == 1:
            there = self._place + 1 if rest is None else following(rest, -1)
            taken = select(equal(member, 1), there, -1)
            if node.least == 1:
                return taken
            fallback = self._place if rest is None else rest
            return select(equal(member, 1) if node.keeps else greater(taken, -1), taken, fallback)
        end = self._run_end(node.members)
        if node.most < UNBOUNDED:
            end = minimum(end, self._place + node.most)
        if rest is not None and not node.keeps:
            end = self._last_match(rest, end)
        enough = greater(end, self._place + (node.least - 1))
        reached = end if rest is None else gather(rest, maximum(end, 0))
        return select(enough, reached, -1)

    def _member(self, members: Members) -> Tensor:
        """1 where the character belongs to a class; an edge belongs to none."""
        key = np.packbits(members[self._rules.of_kind]).tobytes()
        if key not in self._belongs:
            table = np.append(0, members[self._rules.of_kind])
            self._belongs[key] = gather(_table(self._kind, table.astype(np.int32)), self._kind)
        return self._belongs[key]

    def _run_end(self, members: Members) -> Tensor:
        """The first place from each one on that does not belong to a class; the last edge never does."""
        key = np.packbits(members[self._rules.of_kind]).tobytes()
        if key not in self._run_ends:
            outside = self._member(members) * -1 + 1
            ends = cast(where(equal(outside, 1)), "int32")
            self._run_ends[key] = gather(ends, cumsum(outside) - outside)
        return self._run_ends[key]

    def _last_match(self, rest: Tensor, end: Tensor) -> Tensor:
        """The last place up to `end` from which the rest matches; -1 if there is none."""
        matches = cast(greater(rest, -1), "int32")
        places = pad(cast(where(equal(matches, 1)), "int32"), 1, 0, -1)
        return gather(places, gather(cumsum(matches), end))
