"""Bytes of a text to the symbols of its characters, as a graph: what SentencePiece merges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.checkpoint.vocabulary import SPACE_MARK, Vocabulary
from models.graphs.merge_table import BYTES
from models.graphs.pair_table import Integers
from models.tflite.graph import Tensor
from models.tflite.ops import cast, concat, gather, reshape
from models.tflite.sequence_ops import (
    both,
    either,
    equal,
    floor_mod,
    following,
    greater,
    less,
    minimum,
    previous,
    select,
    where,
)

PAGE = 256
BEYOND = 2**21
"""A number that no four bytes decode to."""
SPACE = ord(" ")


@dataclass(frozen=True)
class CharacterTable:
    """Symbols by code point, in pages that are stored once.

    Attributes:
        page: Where the page of each code point begins, [BEYOND / PAGE + 1], by its high bits.
        symbol: [pages * PAGE]; -1 where there is none.
    """

    page: Integers
    symbol: Integers


def character_table(characters: Mapping[str, int], *, marked: bool = True) -> CharacterTable:
    """Symbols of characters; those of ASCII are their bytes, and U+2581 is a space if `marked`."""
    symbols = np.full(BEYOND + PAGE, -1, np.int32)
    symbols[:0x80] = np.arange(0x80)
    for character, symbol in characters.items():
        symbols[ord(character)] = symbol
    if marked:
        symbols[ord(SPACE_MARK)] = SPACE
    pages, page = np.unique(symbols.reshape(-1, PAGE), axis=0, return_inverse=True)
    return CharacterTable((page.reshape(-1) * PAGE).astype(np.int32), pages.reshape(-1))


def split_characters(code: Tensor, table: CharacterTable, added: int) -> tuple[Tensor, Tensor]:
    """Symbols of a text's characters; the bytes of a character without one stay as they are.

    Args:
        code: Bytes and, from BYTES on, added tokens, int32 [n].
        table: Symbols of characters.
        added: The number of added tokens.

    Returns:
        Symbols, and where each begins, int32 [m].
    """
    g = code.graph
    point, spans = _code_points(code, added)
    offset = floor_mod(point, PAGE)
    page = gather(g.constant(table.page), (point - offset) / PAGE)
    symbol = gather(g.constant(table.symbol), page + offset)
    known = greater(symbol, -1)
    span = select(known, spans, 1)  # bytes of the character that begins here
    inside, before = None, span
    for length in (1, 2, 3):
        before = previous(before, 1)
        reaches = greater(before, length)
        inside = reaches if inside is None else either(inside, reaches)
    assert inside is not None
    kept = where(equal(cast(inside, "int32"), 0))
    return gather(select(known, symbol, code), kept), kept


def _code_points(code: Tensor, added: int) -> tuple[Tensor, Tensor]:
    """Code point of the character that begins at each byte, BEYOND if none does, and its bytes, [n] each."""
    byte = np.arange(BYTES + added)
    length = np.select([byte < 0x80, byte < 0xC2, byte < 0xE0, byte < 0xF0, byte < 0xF5], [1, 0, 2, 3, 4], 0)
    first = np.select([length == n for n in (1, 2, 3, 4)], [byte, byte & 31, byte & 15, byte & 7])
    lead = np.where(length > 0, first << 6 * (np.maximum(length, 1) - 1), BEYOND)
    low = np.where(
        (byte & 0xC0 == 0x80) & (byte < BYTES), byte & 63, 2**18
    )  # what is no continuation leads far away
    point, behind = gather(_numbers(code, lead), code), code
    for n in (1, 2, 3):
        behind = following(behind, 0)
        factor = np.where(length > n, 1 << 6 * np.maximum(length - 1 - n, 0), 0)
        point = point + gather(_numbers(code, low), behind) * gather(_numbers(code, factor), code)
    return minimum(point, BEYOND), gather(_numbers(code, length), code)


def _numbers(like: Tensor, values: Integers) -> Tensor:
    return like.graph.constant(values, "int32")


def put_spaces(symbol: Tensor, vocabulary: Vocabulary) -> Tensor:
    """Put a space before the text, and behind added tokens, as the vocabulary says, if text follows there.

    Args:
        symbol: int32 [n]; added tokens are the symbols from BYTES on.
        vocabulary: Its prefix and added tokens.
    """
    if vocabulary.prefix == "none":
        return symbol
    token = both(greater(symbol, BYTES - 1), less(symbol, BYTES + len(vocabulary.found)))
    edge = cast(token, "int32") if vocabulary.prefix == "each" else symbol * 0
    barred = token if vocabulary.prefix_before_space else either(token, equal(symbol, SPACE))
    begins = greater(previous(edge, 1), cast(barred, "int32"))
    both_of = [reshape(x, [-1, 1]) for x in (symbol * 0 + SPACE, symbol)]
    flags = [reshape(x, [-1, 1]) for x in (cast(begins, "int32"), symbol * 0 + 1)]
    kept = where(equal(reshape(concat(flags, 1), [-1]), 1))
    return gather(reshape(concat(both_of, 1), [-1]), kept)
