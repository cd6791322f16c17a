from __future__ import annotations

import pytest

from models.checkpoint.vocabulary import Vocabulary, byte_letters


def test_every_byte_has_one_printable_letter() -> None:
    letters = byte_letters()
    assert sorted(letters.values()) == list(range(256))
    assert all(letter.isprintable() and letter != " " for letter in letters)
    assert (letters["A"], letters["é"], letters["Ġ"], letters["Ċ"], letters["Ń"]) == (
        0x41,
        0xE9,
        0x20,
        0x0A,
        0xAD,
    )


def test_letters_become_bytes_and_special_tokens_stay_as_they_are() -> None:
    vocabulary = Vocabulary.from_letters(
        ["<|é|>", "Ġ", "t", "Ġt", "Ã", "©", "Ã©"], [("Ġ", "t"), ("Ã", "©")], [0], digits=True
    )
    assert vocabulary == Vocabulary(
        tokens=("<|é|>".encode(), b" ", b"t", b" t", b"\xc3", b"\xa9", "é".encode()),
        merges=((b" ", b"t"), (b"\xc3", b"\xa9")),
        specials=frozenset([0]),
        digits=True,
    )


def test_a_token_with_a_letter_of_no_byte_is_named() -> None:
    with pytest.raises(ValueError, match=r"'a b': the letter ' ' stands for no byte; a special token\?"):
        Vocabulary.from_letters(["a", "a b"], [], [], digits=False)


def test_smollm2_has_its_tokens_and_merges(smollm2_vocabulary: Vocabulary) -> None:
    assert len(smollm2_vocabulary.tokens) == 49_152
    assert len(smollm2_vocabulary.merges) == 48_900
    assert smollm2_vocabulary.specials == frozenset(range(17))
    assert smollm2_vocabulary.tokens[2] == b"<|im_end|>"
    assert smollm2_vocabulary.merges[:3] == ((b" ", b"t"), (b" ", b"a"), (b"i", b"n"))
