"""The byte-level BPE tokenizer of the GPT-2 family as graphs: text to token ids, token ids to text."""

from __future__ import annotations

from collections.abc import Callable

from models.checkpoint.vocabulary import Vocabulary
from models.graphs.added_tokens import replace_added, replace_words, token_trie
from models.graphs.bpe_merges import merge
from models.graphs.characters import character_table, put_spaces, split_characters
from models.graphs.merge_table import BYTES, merge_table
from models.graphs.pre_tokenizer import number_words
from models.graphs.split import split_words
from models.tflite.graph import Graph, Model, Tensor
from models.tflite.ops import arange, cast, concat, gather, reshape, shape
from models.tflite.sequence_ops import (
    byte_split,
    floor_mod,
    greater,
    not_equal,
    pad,
    string_join,
    where,
)

Write = Callable[[Graph, Vocabulary, Tensor], Tensor]

OUTSIDE = 2**24
"""Moves an invalid id past the end of the table, so that the runtime raises."""


def write_tokenizer(model: Model, vocabulary: Vocabulary) -> None:
    """Add the signatures `tokenize(text string [1]) -> ids int32 [n]` and `detokenize(ids) -> text`.

    And without custom operators `tokenize_bytes(code int32 [n]) -> ids` and `pieces(ids) -> string [n]`.
    """
    signatures: tuple[tuple[str, str, list[int], str, str, Write], ...] = (
        ("tokenize", "text", [1], "string", "ids", tokenize),
        ("detokenize", "ids", [-1], "int32", "text", detokenize),
        ("tokenize_bytes", "code", [-1], "int32", "ids", tokenize_bytes),
        ("pieces", "ids", [-1], "int32", "pieces", pieces),
    )
    for name, given, size, dtype, found, write in signatures:
        graph = model.subgraph(name)
        graph.output(found, write(graph, vocabulary, graph.input(given, size, dtype)))
        model.signature(graph)


def tokenize(graph: Graph, vocabulary: Vocabulary, text: Tensor) -> Tensor:
    """Token ids [n] of a text, string [1]; any bytes will do.

    Special tokens in the text are plain text. Bytes that no token stands for are dropped.
    """
    return tokenize_bytes(graph, vocabulary, cast(byte_split(text), "int32"))


def tokenize_bytes(graph: Graph, vocabulary: Vocabulary, symbol: Tensor) -> Tensor:
    """Token ids [m] of a text's bytes, int32 [n], each from 0 to 255; see `tokenize`."""
    table = merge_table(vocabulary)
    ids = graph.constant(table.ids)
    if vocabulary.added:
        symbol = replace_added(symbol, token_trie([text for text, _ in vocabulary.added]))
    if vocabulary.byte_ids:
        characters = character_table(table.characters)
        symbol, _ = split_characters(symbol, characters, len(vocabulary.added))
        symbol = put_spaces(symbol, vocabulary)
        return gather(ids, merge(symbol, None, table))
    if vocabulary.patterns:
        word = split_words(symbol, vocabulary.patterns)
    else:
        word = number_words(symbol, digits=vocabulary.digits, added=bool(vocabulary.added))
    if vocabulary.words:
        trie = token_trie([text for text, _ in vocabulary.words])
        symbol, word = replace_words(symbol, word, trie, BYTES + len(vocabulary.added))
    if (table.ids[:BYTES] < 0).any():
        kept = where(not_equal(gather(ids, symbol), -1))
        symbol, word = gather(symbol, kept), gather(word, kept)
    return gather(ids, merge(symbol, word, table))


def detokenize(
    graph: Graph,
    vocabulary: Vocabulary,
    ids: Tensor,
    *,
    after: Tensor | None = None,
    width: int = 64,
) -> Tensor:
    """Text [1] of token ids [n], behind the text `after` [1] if given.

    Pieces are joined in rows of `width`, then the rows: at most `width` of them, the last one empty. The
    runtime raises when an id is outside the vocabulary, or when there are (width - 1) * width pieces or more;
    each byte of `after` is a piece.
    """
    tokens, table = len(vocabulary.tokens), _piece_table(graph, vocabulary)
    numbers = _refuse_outside(ids, tokens)
    if after is not None:
        numbers = concat([cast(byte_split(after), "int32") + tokens, numbers], 0)
    room = graph.constant([2 * width], "int32") - floor_mod(shape(numbers), width)
    numbers = pad(numbers, 0, room, table.shape[0] - 1)  # the last row is empty
    rows = string_join(gather(table, reshape(numbers, [-1, width])), width)
    count = shape(rows)
    order = pad(arange(count), 0, graph.constant([width], "int32") - count, count - 1)  # [width]
    return string_join(reshape(gather(rows, order), [1, width]), width)


def pieces(graph: Graph, vocabulary: Vocabulary, ids: Tensor) -> Tensor:
    """Bytes of each token, string [n]; the runtime raises when an id is outside the vocabulary."""
    return gather(_piece_table(graph, vocabulary), _refuse_outside(ids, len(vocabulary.tokens)))


def _piece_table(graph: Graph, vocabulary: Vocabulary) -> Tensor:
    """The bytes of each token, then every single byte, then nothing; strings."""
    texts = [*vocabulary.tokens, *(bytes([byte]) for byte in range(BYTES)), b""]
    return graph.string_constant("pieces", texts, [len(texts)])


def _refuse_outside(ids: Tensor, tokens: int) -> Tensor:
    """Ids, those of no token moved past the end of the table."""
    return ids + cast(greater(ids, tokens - 1), "int32") * OUTSIDE
