from __future__ import annotations

import pytest

from models.checkpoint.vocabulary import Vocabulary, byte_letters

BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]


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


def test_added_tokens_stay_as_they_are_and_are_found_in_texts() -> None:
    vocabulary = Vocabulary.from_letters(["Ġ", "a b"], [], [], digits=False, added={"a b": 1})
    assert vocabulary.tokens == (b" ", b"a b")
    assert vocabulary.added == ((b"a b", 1),)


def test_characters_have_a_mark_for_spaces_and_tokens_for_bytes() -> None:
    vocabulary = Vocabulary.from_characters(
        ["<s>", *BYTE_TOKENS, "▁", "é", "▁é", "[▁]"], [("▁", "é")], [0], prefix="first", added={"[▁]": 260}
    )
    assert vocabulary == Vocabulary(
        tokens=(
            b"<s>",
            *(bytes([byte]) for byte in range(256)),
            b" ",
            "é".encode(),
            " é".encode(),
            b"[ ]",
        ),
        merges=((b" ", "é".encode()),),
        specials=frozenset([0]),
        digits=False,
        added=(("[▁]".encode(), 260),),
        byte_ids=tuple(range(1, 257)),
        prefix="first",
    )


def test_a_byte_without_a_token_is_named() -> None:
    with pytest.raises(ValueError, match="the byte 10 has no token"):
        Vocabulary.from_characters([*BYTE_TOKENS[:10], *BYTE_TOKENS[11:]], [], [], prefix="none")


@pytest.mark.parametrize(
    ("merges", "searched"),
    [
        ([("▁▁", "▁"), ("▁", "▁▁"), ("▁", "▁"), ("▁", "a")], True),
        ([("▁", "▁"), ("▁▁", "▁"), ("▁", "a")], False),
        ([("▁▁", "▁"), ("▁", "a"), ("▁", "▁")], False),
        ([("▁", "▁"), ("▁", "▁▁"), ("▁", "a")], False),
        ([("▁", "a")], False),
    ],
)
def test_runs_of_spaces_are_found_in_texts_where_merging_makes_the_same(
    merges: list[tuple[str, str]], searched: bool
) -> None:
    added = {"▁▁": 256, "▁▁▁": 257}
    vocabulary = Vocabulary.from_characters([*BYTE_TOKENS, *added], merges, [], prefix="none", added=added)
    marked = [(text.encode(), i) for text, i in added.items()]
    assert list(vocabulary.added) == [*marked, *([(b"  ", 256), (b"   ", 257)] if searched else [])]
