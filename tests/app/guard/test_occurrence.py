import pytest

from app.guard import MASK
from app.guard.letter_runs import alphabet, read
from app.guard.normalize import CharacterTable, normalize
from app.guard.occurrence import Occurrence, is_border


def occurrence(text: str, letters: str) -> Occurrence:
    normalized = normalize(text, CharacterTable({}))
    letter_runs = read(normalized.text.encode(), alphabet({}))
    first = letter_runs.skeleton.index(letters.encode())
    return Occurrence(normalized, letter_runs, first, first + len(letters))


def test_a_place_knows_its_text_its_gaps_and_its_pieces() -> None:
    here = occurrence("xx Fu--ck yy", "fuck")

    assert (here.start, here.stop) == (3, 9)
    assert here.text == "fu--ck"
    assert here.written == "Fu--ck"
    assert here.cuts == (2,)
    assert here.gaps == ["--"]
    assert [piece.text for piece in here.pieces] == ["fu", "ck"]
    assert here.before(2) == "x "
    assert here.after(9) == " yy"


def test_a_place_knows_its_runs() -> None:
    assert occurrence("fuuck", "fuck").counts == (1, 2, 1, 1)
    assert occurrence("fuuck", "fuck").run_texts == ["f", "uu", "c", "k"]


@pytest.mark.parametrize(
    ("text", "index", "border"),
    [
        ("ab", 0, True),
        ("ab", 2, True),
        ("ab", 1, False),
        ("a b", 1, True),
        ("a_b", 2, True),
        ("a1", 1, True),
        ("aB", 1, True),
        ("AB", 1, False),
        ("Ab", 1, False),
        (MASK + "a", 1, False),
        ("a" + MASK, 1, False),
        ("жa", 1, False),
        ("字a", 1, True),
    ],
)
def test_a_word_ends_at_a_separator_a_change_of_case_or_another_script(
    text: str, index: int, border: bool
) -> None:
    assert is_border(normalize(text, CharacterTable({})), index) is border


def test_a_place_opens_and_closes_at_borders() -> None:
    assert occurrence("a fuck", "fuck").opens
    assert occurrence("a fuck", "fuck").closes
    assert not occurrence("afucka", "fuck").opens
    assert not occurrence("afucka", "fuck").closes
