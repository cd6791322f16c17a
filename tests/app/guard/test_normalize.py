import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guard import MASK, Guard
from app.guard.normalize import FOREIGN, MASKED, OTHER, REMEMBERED, CharacterTable, normalize


@pytest.fixture
def table() -> CharacterTable:
    return CharacterTable({"с": "c", "🅵": "f", "æ": "ae", "€": "3"})


@pytest.mark.parametrize(
    ("written", "normalized"),
    [
        ("Fuck", "fuck"),
        ("fúçk", "fuck"),
        ("f\u0336u\u0336", "fu"),
        ("ｆｕ", "fu"),
        ("𝐟𝖚", "fu"),
        ("ⓕ🅵", "ff"),
        ("ﬁ", "fi"),
        ("æ", "ae"),
        ("сap", "cap"),
        ("a\u200bb\u00adc\u2060d\ufe0f", "abcd"),
        ("a\x00b", "ab"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\u00a0b\u3000c", "a b c"),
        ("a\u2028b", "a b"),
        ("a–b—c", "a-b-c"),
        ("1٣५", "135"),
        ("€5", "35"),
        ("™½…", "..."),
        ("⒡", "f"),
        ("字", FOREIGN),
        ("ж", OTHER),
        (MASK, MASKED),
        ("\ud800", FOREIGN),
        ("💩", "."),
        ("æ\u0301", "ae"),
        ("ǽ", "ae"),
    ],
)
def test_a_text_is_folded_to_ascii(table: CharacterTable, written: str, normalized: str) -> None:
    assert normalize(written, table).text == normalized


@pytest.mark.parametrize("written", ["plain", "e\u0301a\u200bﬁx", "\u200b", ""])
def test_every_folded_character_knows_the_character_it_came_from(table: CharacterTable, written: str) -> None:
    normalized = normalize(written, table)

    assert len(normalized.origin) == len(normalized.text)
    for character, index in zip(normalized.text, normalized.origin, strict=True):
        assert character in table.expand(written[index])


def test_what_was_written_can_be_read_back(table: CharacterTable) -> None:
    normalized = normalize("xF\u0336uy", table)

    assert normalized.text == "xfuy"
    assert normalized.written(1, 3) == "F\u0336u"
    assert normalized.written(2, 2) == ""


def test_the_table_remembers_no_more_code_points_than_it_may(table: CharacterTable) -> None:
    normalize("".join(map(chr, range(0x4E00, 0x4E00 + REMEMBERED + 10))), table)

    assert len(table) == REMEMBERED


@given(st.text())
def test_any_text_folds_to_ascii_in_order(guard: Guard, text: str) -> None:
    normalized = normalize(text, guard.table)

    assert normalized.text.isascii()
    assert list(normalized.origin) == sorted(normalized.origin)
