import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guard import MASK, Guard
from app.guard.normalize import FOREIGN, MASKED, REMEMBERED, FoldTable, fold


@pytest.fixture
def table() -> FoldTable:
    return FoldTable({"с": "c", "🅵": "f", "æ": "ae", "€": "3"})


@pytest.mark.parametrize(
    ("written", "folded"),
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
        ("ж", MASKED),
        (MASK, MASKED),
        ("\ud800", FOREIGN),
        ("💩", "."),
        ("æ\u0301", "ae"),
        ("ǽ", "ae"),
    ],
)
def test_a_text_is_folded_to_ascii(table: FoldTable, written: str, folded: str) -> None:
    assert fold(written, table).text == folded


@pytest.mark.parametrize("written", ["plain", "e\u0301a\u200bﬁx", "\u200b", ""])
def test_every_folded_character_knows_the_character_it_came_from(table: FoldTable, written: str) -> None:
    folded = fold(written, table)

    assert len(folded.origin) == len(folded.text)
    for character, index in zip(folded.text, folded.origin, strict=True):
        assert character in table.expand(written[index])


def test_what_was_written_can_be_read_back(table: FoldTable) -> None:
    folded = fold("xF\u0336uy", table)

    assert folded.text == "xfuy"
    assert folded.written(1, 3) == "F\u0336u"
    assert folded.written(2, 2) == ""


def test_the_table_remembers_no_more_code_points_than_it_may(table: FoldTable) -> None:
    fold("".join(map(chr, range(0x4E00, 0x4E00 + REMEMBERED + 10))), table)

    assert len(table) == REMEMBERED


@given(st.text())
def test_any_text_folds_to_ascii_in_order(guard: Guard, text: str) -> None:
    folded = fold(text, guard.table)

    assert folded.text.isascii()
    assert list(folded.origin) == sorted(folded.origin)
