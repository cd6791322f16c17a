from __future__ import annotations

import string
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from app.completion.segments import KEPT, SEGMENT, SegmentedTokenizer, Segments


class Words:
    """A token is a word with the space before it: its length; counts the characters that it reads."""

    def __init__(self) -> None:
        self.read = 0

    def tokenize(self, text: str) -> list[int]:
        self.read += len(text)
        return [len(word) for word in text.split(" ")]

    def detokenize(self, ids: Sequence[int]) -> bytes:
        return bytes(ids)


def whole(text: str) -> list[int]:
    """Tokens of a text that is cut before spaces: the empty word before a cut's space is counted as well."""
    tokenizer = SegmentedTokenizer(Bytes())
    return tokenizer.tokenize(text)


class Bytes:
    def tokenize(self, text: str) -> list[int]:
        return list(text.encode())

    def detokenize(self, ids: Sequence[int]) -> bytes:
        return bytes(ids)


@given(st.text(alphabet="ab .\n", max_size=3 * SEGMENT))
def test_the_tokens_of_a_text_are_those_of_its_segments(text: str) -> None:
    assert whole(text) == list(text.encode())


class Spaced(Bytes):
    """Puts a space before every text."""

    def tokenize(self, text: str) -> list[int]:
        return super().tokenize(f" {text}")


def test_a_space_that_the_tokenizer_puts_before_a_text_is_left_out_of_segments() -> None:
    text = "words and " * SEGMENT
    assert SegmentedTokenizer(Spaced(), prefix_space=True).tokenize(text) == list(f" {text}".encode())


def test_a_text_that_grows_is_read_from_its_last_segment_on() -> None:
    words = Words()
    tokenizer = SegmentedTokenizer(words)
    text = "".join(
        f"{first}{second} " for first in string.ascii_letters for second in string.ascii_letters[:20]
    )
    tokenizer.tokenize(text)
    before = words.read
    tokenizer.tokenize(text + "more words")
    assert words.read - before <= 2 * SEGMENT
    assert before == len(text)


def test_the_same_text_is_not_read_again() -> None:
    words = Words()
    tokenizer = SegmentedTokenizer(words)
    first = tokenizer.tokenize("one two three")
    assert (tokenizer.tokenize("one two three"), words.read) == (first, 13)


def test_only_segments_that_are_not_known_are_unread() -> None:
    text = "words and " * SEGMENT
    tokenizer = SegmentedTokenizer(Bytes())
    assert tokenizer.unread(text) == len(text)
    tokenizer.tokenize(text)
    assert (tokenizer.unread(text), tokenizer.unread("a new text")) == (0, 10)


def test_tokenizers_may_share_what_they_know() -> None:
    known, first, second = Segments(KEPT), Words(), Words()
    assert SegmentedTokenizer(first, known).tokenize("one two") == [3, 3]
    assert SegmentedTokenizer(second, known).tokenize("one two") == [3, 3]
    assert (first.read, second.read) == (7, 0)


def test_no_more_segments_are_kept_than_said() -> None:
    words = Words()
    tokenizer = SegmentedTokenizer(words)
    for number in range(KEPT + 1):
        tokenizer.tokenize(str(number))
    before = words.read
    tokenizer.tokenize("1")
    tokenizer.tokenize("0")
    assert words.read - before == 1


def test_detokenizing_is_the_tokenizers() -> None:
    assert SegmentedTokenizer(Bytes()).detokenize([97, 98]) == b"ab"
