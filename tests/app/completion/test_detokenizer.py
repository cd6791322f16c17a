from __future__ import annotations

import codecs
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.completion.detokenizer import Detokenizer
from tests.fakes import ByteTokenizer


class Pieces:
    """A tokenizer of which every id is one piece; it counts its calls."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.calls = 0

    def tokenize(self, text: str) -> list[int]:
        raise NotImplementedError

    def detokenize(self, ids: Sequence[int]) -> bytes:
        self.calls += 1
        return b"".join(self.pieces[i] for i in ids)


def test_a_character_is_shown_when_its_last_byte_comes() -> None:
    detokenizer = Detokenizer(Pieces(b"a\xf0\x9f", b"\x98", b"\x80b"))
    assert [detokenizer.push([n]) for n in range(3)] == ["a", "", "😀b"]


def test_bytes_that_become_no_character_are_replaced() -> None:
    detokenizer = Detokenizer(Pieces(b"a\xe2\x82", b"b\xff", b"c"))
    assert [detokenizer.push([n]) for n in range(3)] == ["a", "\ufffdb\ufffd", "c"]


def test_a_character_that_is_not_completed_is_not_shown() -> None:
    detokenizer = Detokenizer(Pieces(b"x\xe2\x82"))
    assert detokenizer.push([0]) == "x"


def test_what_is_typed_already_is_not_shown() -> None:
    detokenizer = Detokenizer(Pieces(b" F", b"rance", b" is"), typed=4)
    assert [detokenizer.push([n]) for n in range(3)] == ["", "nce", " is"]
    assert detokenizer.typed == 0


def test_one_push_is_one_call() -> None:
    pieces = Pieces(b"a", b"b")
    assert Detokenizer(pieces).push([0, 1, 0]) == "aba"
    assert pieces.calls == 1


@pytest.mark.parametrize("size", [1, 2, 7])
@given(text=st.binary(max_size=60))
def test_the_pieces_are_the_whole_text_decoded(size: int, text: bytes) -> None:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    detokenizer = Detokenizer(Pieces(*pieces))
    shown = "".join(detokenizer.push([n]) for n in range(len(pieces)))
    whole = codecs.getincrementaldecoder("utf-8")(errors="replace")
    assert shown == whole.decode(text)


def test_the_bytes_of_the_last_ids_are_known_and_whether_they_end_inside_a_character() -> None:
    detokenizer = Detokenizer(ByteTokenizer(), typed=2)
    assert detokenizer.push(tuple(b"abc")) == "c"
    assert (detokenizer.pushed, detokenizer.inside) == (b"c", False)
    assert detokenizer.push(tuple("é".encode()[:1])) == ""
    assert (detokenizer.pushed, detokenizer.inside) == (b"\xc3", True)
    assert detokenizer.push(tuple("é".encode()[1:])) == "é"
    assert (detokenizer.pushed, detokenizer.inside) == (b"\xa9", False)


def test_special_tokens_are_not_shown_but_their_names_are_known() -> None:
    detokenizer = Detokenizer(Pieces(b"a\xe2", b"<|im_start|>", b"\x82\xac"), special={1})
    assert [detokenizer.push(ids) for ids in ([0], [1])] == ["a", ""]
    assert detokenizer.pushed == b"<|im_start|>"
    assert detokenizer.push([1, 2]) == "€"
    assert detokenizer.pushed == b"\x82\xac"
