r"""GPT-2's pre-tokenizer as a graph: which bytes of a text are one word.

The words are the matches of a regular expression (Radford et al., 2019, `encoder.py`):

    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

Whether a word begins with a character follows from its kind and those of its neighbours; only contractions
reach further.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from models.graphs.character_classes import Kind, kind_trie
from models.tflite.graph import Tensor
from models.tflite.ops import cast, gather
from models.tflite.sequence_ops import (
    cumsum,
    either,
    equal,
    following,
    greater,
    minimum,
    pad,
    previous,
    where,
)

BYTES = 256


def opens_word(before: Kind, this: Kind, after: Kind, *, digits: bool) -> bool:
    """Whether a word begins with this character, contractions aside.

    With `digits` each number is a word, and the text between two of them is split as if it were a whole text.
    """
    if before == Kind.EDGE or (digits and Kind.NUMBER in (before, this)):
        return True
    if this.is_space:  # a run is one word, but its last character parts from it when text follows
        ends = after == Kind.EDGE or after.is_space or (digits and after == Kind.NUMBER)
        return not before.is_space or not ends
    if before.is_space:
        return before != Kind.BLANK
    return (before.is_letter, before == Kind.NUMBER) != (this.is_letter, this == Kind.NUMBER)


def contraction_letters(before: Kind, this: Kind, after: Kind) -> int:
    """How many letters, this one first, make a contraction with the quote before them, if it opens a word."""
    if before != Kind.QUOTE:
        return 0
    if this == Kind.STMD:
        return 1
    return 2 if (this, after) in ((Kind.RV, Kind.E), (Kind.L, Kind.L)) else 0


def number_words(code: Tensor, *, digits: bool, added: bool = False) -> Tensor:
    """Number of each byte's word, from 1 on, int32 [n]; 0 for continuation bytes before any character.

    Args:
        code: Bytes of a text, int32 [n].
        digits: Whether each number is a word of its own.
        added: Whether there are added tokens among the bytes, larger numbers: words between two texts.
    """
    if added:
        code = minimum(code, BYTES)

    def table(values: list[int]) -> Tensor:
        return code.graph.constant(values, "int32")

    leads = gather(table([int(byte & 0xC0 != 0x80) for byte in range(BYTES + added)]), code)  # [n]
    kind = gather(_kinds(code, digits, added), where(equal(leads, 1)))  # [characters], as all up to `word`
    around = (previous(kind, Kind.EDGE) * len(Kind) + kind) * len(Kind) + following(kind, Kind.EDGE)
    triples = list(product(Kind, Kind, Kind))
    opens = gather(table([int(opens_word(*triple, digits=digits)) for triple in triples]), around)
    letters = gather(table([contraction_letters(*triple) for triple in triples]), around)
    joined = letters * previous(opens, 0)
    one_ago = previous(joined, 0)
    two_ago = previous(one_ago, 0)
    opens_again = either(equal(one_ago, 1), equal(two_ago, 2))  # behind a contraction
    begins = either(greater(opens, joined), opens_again)
    word = cumsum(cast(either(begins, equal(kind, Kind.EDGE)) if added else begins, "int32"))
    return gather(pad(word, 1, 0), cumsum(leads))


def _kinds(code: Tensor, digits: bool, added: bool) -> Tensor:
    """Kind of the character that begins at each byte, [n]; continuation bytes have some kind, too."""
    trie, constant = kind_trie(digits), code.graph.constant
    column = gather(constant(np.append(trie.column, [0] * added), "int32"), code)
    node = gather(constant(np.append(trie.first, [Kind.EDGE] * added), "int32"), code)
    for _ in range(3):
        column = following(column, 0)
        node = gather(constant(trie.next), node + column)
    return node
