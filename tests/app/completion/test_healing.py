from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.completion.healing import HealedPrompt, Healer
from app.model.vocabulary import Vocabulary

PIECES = [
    *(bytes([number]) for number in range(256)),
    b" F",
    b" Fra",
    b" France",
    b" writing",
    b"  ",
    b"\n\n",
    b" Kuber",
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


HEALER = Healer(Vocabulary.of(PIECES), Longest())


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
