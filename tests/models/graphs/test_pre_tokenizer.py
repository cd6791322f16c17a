from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from models.checkpoint.vocabulary import byte_letters
from models.evaluation.reference_tokenizer import make_pre_tokenizer
from models.evaluation.samples import sample_texts
from models.graphs.character_classes import Kind
from models.graphs.pre_tokenizer import contraction_letters, number_words, opens_word
from models.tflite.graph import Array

LETTER_OF = {byte: letter for letter, byte in byte_letters().items()}

Compile = Callable[..., Callable[..., Array]]


def codes(text: bytes) -> Array:
    return np.frombuffer(text, np.uint8).astype(np.int32)


def compile_splitter(compiled: Compile, *, digits: bool) -> Callable[[bytes], list[bytes]]:
    number = compiled(lambda code: number_words(code, digits=digits), codes(b"a"))

    def split(text: bytes) -> list[bytes]:
        words = number(codes(text)).tolist()
        groups = itertools.groupby(zip(words, text, strict=True), key=lambda pair: pair[0])
        return [bytes(byte for _, byte in group) for _, group in groups]

    return split


def test_words_are_numbered_from_one(compiled: Compile) -> None:
    number = compiled(lambda code: number_words(code, digits=False), codes(b"a"))
    assert number(codes(b"an ox!")).tolist() == [1, 1, 2, 2, 2, 3]
    assert number(codes("é ü".encode())).tolist() == [1, 1, 2, 2, 2]
    assert number(codes(b"")).tolist() == []


def test_continuation_bytes_before_any_character_are_word_zero(compiled: Compile) -> None:
    number = compiled(lambda code: number_words(code, digits=False), codes(b"a"))
    assert number(codes(b"\x80\xbfa")).tolist() == [0, 0, 1]
    assert number(codes(b"a\x80 \xf0")).tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world", "Hello|,| world"),
        ("it's we'll they've I'm", "it|'s| we|'ll| they|'ve| I|'m"),
        ("'sllama 'quote' 'Tis", "'s|llama| '|quote|'| '|Tis"),
        ("''s !'s", "''|s| !'|s"),
        ("a  b\n\n c \t", "a| | b|\n\n| c| \t"),
        ("\ttab", "\t|tab"),
        ("v12.34 56", "v|12|.|34| 56"),
    ],
)
def test_words_of_gpt2(compiled: Compile, text: str, words: str) -> None:
    assert compile_splitter(compiled, digits=False)(text.encode()) == words.encode().split(b"|")


@pytest.mark.parametrize(
    ("text", "words"),
    [("v12.34 56", "v|1|2|.|3|4| |5|6"), ("1's a  7", "1|'s| a|  |7"), ("\n\n1", "\n\n|1")],
)
def test_words_where_digits_stand_alone(compiled: Compile, text: str, words: str) -> None:
    assert compile_splitter(compiled, digits=True)(text.encode()) == words.encode().split(b"|")


@pytest.mark.parametrize("digits", [False, True])
def test_words_are_the_oracles(compiled: Compile, digits: bool) -> None:
    split = compile_splitter(compiled, digits=digits)
    reference = make_pre_tokenizer(digits=digits)
    byte_of = {letter: byte for byte, letter in LETTER_OF.items()}
    for text in sample_texts(2000):
        words = [bytes(byte_of[letter] for letter in word) for word, _ in reference.pre_tokenize_str(text)]
        assert split(text.encode()) == words


def test_a_word_begins_with_the_text_whatever_follows() -> None:
    assert all(opens_word(Kind.EDGE, this, after, digits=False) for this in Kind for after in Kind)


def test_only_a_quote_makes_a_contraction() -> None:
    made = {
        (this.name, after.name): letters
        for this in Kind
        for after in Kind
        if (letters := contraction_letters(Kind.QUOTE, this, after))
    }
    assert made == {("STMD", after.name): 1 for after in Kind} | {("RV", "E"): 2, ("L", "L"): 2}
    assert not any(contraction_letters(Kind.OTHER, this, after) for this in Kind for after in Kind)
