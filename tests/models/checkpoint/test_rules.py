from __future__ import annotations

from dataclasses import replace

import pytest
import regex

from models.checkpoint.rules import FALCON, RULES, SENTENCEPIECE, word_patterns
from models.checkpoint.vocabulary import Vocabulary

BYTES = Vocabulary(tuple(bytes([n]) for n in range(256)), (), frozenset(), digits=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one two", ["one", " two"]),
        ("one  two", ["one", "  ", "two"]),  # a run of spaces is a token
        ("one.\n\n two", ["one", ".", "\n\n", " two"]),
        ("in 20 (or", ["in", " ", "2", "0", " (", "or"]),
        (" \u0939\u093f\u0928\u094d\u0926\u0940", [" \u0939\u093f\u0928\u094d\u0926\u0940"]),
        ("don't", ["don", "'", "t"]),
    ],
)
def test_pieces_of_sentencepiece_are_words_with_the_space_before_them(text: str, words: list[str]) -> None:
    assert regex.findall(SENTENCEPIECE, text) == words


def test_a_vocabulary_of_characters_has_pieces_of_sentencepiece() -> None:
    assert word_patterns(replace(BYTES, byte_ids=tuple(range(256)))) == (SENTENCEPIECE,)


def test_patterns_of_a_vocabulary_are_taken_as_they_are() -> None:
    assert word_patterns(replace(BYTES, patterns=FALCON)) == FALCON


def test_code_points_are_written_as_characters() -> None:
    assert word_patterns(replace(BYTES, patterns=(r"[\p{N}\x{1F600}]",))) == ("[\\p{N}\U0001f600]",)


def test_digits_alone_are_cut_before_gpt_2s_words() -> None:
    digits, words = word_patterns(replace(BYTES, digits=True))
    assert (regex.findall(digits, "a12"), regex.findall(words, " b c")) == (["1", "2"], [" b", " c"])


@pytest.mark.parametrize("name", RULES)
def test_every_known_rule_can_be_followed(name: str) -> None:
    rule = RULES[name]
    for each in word_patterns(replace(BYTES, digits=rule.digits, patterns=rule.patterns)):
        assert regex.compile(each).fullmatch("") is None
