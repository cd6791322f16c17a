from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from app.completion.healing import HealedPrompt, Healer
from app.model.tokenizer import Tokenizer
from app.model.vocabulary import Vocabulary
from tests.fakes import tiny_manifest

PIECES = [
    *(bytes([number]) for number in range(256)),
    b" F",
    b" Fra",
    b" France",
    b" writing",
    b"  ",
    b"\n\n",
    b" Kuber",
    b" Hello",
    "caf\u00e9".encode(),
]


class Longest:
    """Takes the longest token that fits, again and again."""

    def tokenize(self, text: str) -> list[int]:
        data, ids = text.encode(), []
        while data:
            found = max((p for p in PIECES if data.startswith(p)), key=len)
            ids.append(PIECES.index(found))
            data = data[len(found) :]
        return ids

    def detokenize(self, ids: Sequence[int]) -> bytes:
        return b"".join(PIECES[number] for number in ids)


class Prefixed(Longest):
    """Puts a space before every text."""

    def tokenize(self, text: str) -> list[int]:
        return super().tokenize(f" {text}")


def healer(
    patterns: tuple[str, ...] = (),
    *,
    normalizer: Literal["NFC"] | None = None,
    tokenizer: Tokenizer | None = None,
) -> Healer:
    manifest = tiny_manifest().model_copy(
        update={
            "word_patterns": patterns,
            "normalizer": normalizer,
            "prefix_space": isinstance(tokenizer, Prefixed),
        }
    )
    return Healer(Vocabulary.of(PIECES), tokenizer or Longest(), manifest)


HEALER = healer()


@pytest.mark.parametrize(
    ("text", "before", "typed"),
    [
        ("The capital of Fra", "The capital of", b" Fra"),
        ("I am writing", "I am", b" writing"),
        ("I am ", "I am", b" "),
        ("I am  ", "I am", b"  "),
        ("one.\n\n", "one.", b"\n\n"),
        ("F", "", b"F"),
        ("", "", b""),
    ],
)
def test_the_last_piece_is_cut_off(text: str, before: str, typed: bytes) -> None:
    assert HEALER.split(text) == HealedPrompt(before, (), typed)


def test_where_no_token_begins_with_the_piece_its_first_tokens_are_kept() -> None:
    healed = HEALER.split("with Kubernet")
    assert healed == HealedPrompt("with", tuple(Longest().tokenize(" Kuberne")), b"t")
    assert healed.healed == 1


def test_a_digit_is_a_piece_of_its_own() -> None:
    assert HEALER.split("in 2024") == HealedPrompt("in 202", (), b"4")


def test_healed_characters_are_counted_not_bytes() -> None:
    assert HealedPrompt("", (), " né".encode()).healed == 3


@pytest.mark.parametrize(
    ("patterns", "text", "before", "typed"),
    [
        ((r"\p{N}{1,3}|[^\p{N}]+",), "in 2024", "in 202", b"4"),
        ((r"\p{N}", r" ?\p{L}+|\s+"), "in 2", "in ", b"2"),
        ((r"[,.]",), "one, F", "one,", b" F"),  # the text behind the last match is a piece
    ],
)
def test_a_file_says_how_words_are_cut(
    patterns: tuple[str, ...], text: str, before: str, typed: bytes
) -> None:
    assert healer(patterns).split(text) == HealedPrompt(before, (), typed)


def test_a_piece_is_normalized_as_the_tokenizer_does() -> None:
    found = healer(normalizer="NFC").split("cafe\u0301")
    assert found == HealedPrompt("", (), "caf\u00e9".encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hel", HealedPrompt("", (), b" Hel")),
        (" Hel", HealedPrompt("", (), b" Hel")),
        ("", HealedPrompt("", (), b" ")),
        ("a Hel", HealedPrompt("a", (), b" Hel")),
        ("a Kubernet", HealedPrompt("a", tuple(Longest().tokenize(" Kuberne")), b"t")),
        ("a?!", HealedPrompt("a", (PIECES.index(b"?"),), b"!")),
    ],
)
def test_a_tokenizer_that_puts_a_space_before_a_text(text: str, expected: HealedPrompt) -> None:
    assert healer(tokenizer=Prefixed()).split(text) == expected


def test_the_first_piece_of_a_text_is_its_beginning() -> None:
    texts = [" and more", "ed, so", ")", "\n\nBest", ""]
    assert [HEALER.first_piece(text) for text in texts] == [" and", "ed", ")", "\n", ""]


def test_the_bytes_of_a_token_are_its_pieces() -> None:
    assert healer().bytes_of(PIECES.index(b" Fra")) == b" Fra"
