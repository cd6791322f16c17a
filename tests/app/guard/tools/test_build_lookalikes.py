import pytest

from app.guard.loader import LOOKALIKES
from app.guard.tools.build_lookalikes import lookalikes, rows


@pytest.fixture(scope="module")
def table() -> dict[str, str]:
    return lookalikes()


def test_the_table_is_what_the_builder_makes() -> None:
    assert LOOKALIKES.read_text("utf-8").splitlines() == rows()


@pytest.mark.parametrize(
    ("character", "letter"),
    [
        ("с", "c"),
        ("ѕ", "s"),
        ("υ", "u"),
        ("ø", "o"),
        ("ɪ", "i"),
        ("т", "t"),
        ("🅱", "b"),
        ("🇫", "f"),
        ("€", "3"),
    ],
)
def test_a_character_stands_for_the_letter_it_looks_like(
    table: dict[str, str], character: str, letter: str
) -> None:
    assert table[character] == letter


@pytest.mark.parametrize("character", ["a", "é", "ｆ", "字", "ا", "ह", "ж"])
def test_other_characters_are_left_to_the_fold(table: dict[str, str], character: str) -> None:
    assert character not in table
