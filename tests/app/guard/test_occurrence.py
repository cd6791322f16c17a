import pytest

from app.guard import MASK
from app.guard.letter_runs import PLAIN, read
from app.guard.normalize import CharacterTable, normalize
from app.guard.occurrence import Occurrence, is_beginning, is_border, occurrence


def found(text: str, letters: str) -> Occurrence:
    normalized = normalize(text, CharacterTable({}))
    letter_runs = read(normalized.text.encode(), PLAIN)
    first = letter_runs.skeleton.index(letters.encode())
    return occurrence(normalized, letter_runs, first, first + len(letters))


def test_an_occurrence_knows_its_text_its_gaps_and_its_pieces() -> None:
    here = found("xx Fu--ck yy", "fuck")

    assert (here.start, here.stop) == (3, 9)
    assert here.text == "fu--ck"
    assert here.written == "Fu--ck"
    assert here.cuts == (2,)
    assert here.gaps == ["--"]
    assert here.pieces == [(3, 5), (7, 9)]
    assert here.body == "fuck"


def test_an_occurrence_knows_its_runs() -> None:
    here = found("fuuck", "fuck")

    assert here.counts == (1, 2, 1, 1)
    assert here.cuts == ()
    assert [here.run(run) for run in range(4)] == ["f", "uu", "c", "k"]


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


@pytest.mark.parametrize(
    ("text", "index", "beginning"),
    [
        ("isABitch", 3, True),
        ("ABitch", 1, True),
        ("ABITCH", 1, False),
        ("XBitch", 1, False),
        ("aBitch", 1, True),
        ("AB", 1, True),
        ("AB.", 1, False),
        ("Ab", 1, False),
    ],
)
def test_a_word_begins_behind_an_article_written_with_it(text: str, index: int, beginning: bool) -> None:
    assert is_beginning(normalize(text, CharacterTable({})), index) is beginning


def test_an_occurrence_opens_and_closes_at_borders() -> None:
    assert found("a fuck", "fuck").opens
    assert found("a fuck", "fuck").closes
    assert not found("afucka", "fuck").opens
    assert not found("afucka", "fuck").closes
