"""The byte-level BPE tokenizer of the GPT-2 family as graphs: text to token ids, token ids to text."""

from __future__ import annotations

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

OUTSIDE = 2**24
"""Moves an invalid id past the end of the table, so that the runtime raises."""


def write_tokenizer(model: Model, vocabulary: Vocabulary) -> None:
    """Add the signatures `tokenize(text string [1]) -> ids int32 [n]` and `detokenize(ids) -> text`."""
    graph = model.subgraph("tokenize")
    graph.output("ids", tokenize(graph, vocabulary, graph.input("text", [1], "string")))
    model.signature(graph)
    graph = model.subgraph("detokenize")
    graph.output("text", detokenize(graph, vocabulary, graph.input("ids", [-1], "int32")))
    model.signature(graph)


def tokenize(graph: Graph, vocabulary: Vocabulary, text: Tensor) -> Tensor:
    """Token ids [n] of a text, string [1]; any bytes will do.

    Special tokens in the text are plain text. Bytes that no token stands for are dropped.
    """
    table = merge_table(vocabulary)
    ids = graph.constant(table.ids)
    symbol = cast(byte_split(text), "int32")  # [bytes]
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
    tokens = len(vocabulary.tokens)
    pieces = [*vocabulary.tokens, *(bytes([byte]) for byte in range(BYTES)), b""]
    table = graph.string_constant("pieces", pieces, [len(pieces)])
    numbers = ids + cast(greater(ids, tokens - 1), "int32") * OUTSIDE
    if after is not None:
        numbers = concat([cast(byte_split(after), "int32") + tokens, numbers], 0)
    room = graph.constant([2 * width], "int32") - floor_mod(shape(numbers), width)
    numbers = pad(numbers, 0, room, len(pieces) - 1)  # the last row is empty
    rows = string_join(gather(table, reshape(numbers, [-1, width])), width)
    count = shape(rows)
    order = pad(arange(count), 0, graph.constant([width], "int32") - count, count - 1)  # [width]
    return string_join(reshape(gather(rows, order), [1, width]), width)
