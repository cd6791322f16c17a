from dataclasses import dataclass

from app.guard import MASK
from app.guard.normalize import CharacterTable, normalize
from app.guard.surroundings import (
    BLANK,
    BLANK_CAPITAL,
    BLANK_DIGIT,
    BLANK_SYMBOL,
    NOTHING,
    Around,
    Surroundings,
    blanked,
)


@dataclass(frozen=True, slots=True)
class Word:
    start: int
    stop: int


def around(text: str, word: Word, *listed: Word, left: Surroundings = NOTHING) -> Around:
    return blanked(normalize(text, CharacterTable({})), listed, left).around(word.start, word.stop)


def test_what_stands_around_a_word_keeps_its_capitals() -> None:
    here = around("Ask Dick Cheney", Word(4, 8))

    assert here == ("Ask ", " Cheney")
    assert (here.before, here.after) == ("ask ", " cheney")


def test_a_listed_word_is_blanked_and_its_shape_stays() -> None:
    assert around("A$s5 here", Word(5, 9), Word(0, 4)).cased_before == (
        BLANK_CAPITAL + BLANK_SYMBOL + BLANK + BLANK_DIGIT + " "
    )


def test_overlapping_words_are_blanked_once() -> None:
    assert around("abcdef x", Word(7, 8), Word(0, 4), Word(2, 6), Word(2, 3)).cased_before == BLANK * 6 + " "


def test_no_more_is_given_than_a_rule_looks_at() -> None:
    here = around("x" * 100 + "word" + "y" * 100, Word(100, 104))

    assert (here.cased_before, here.cased_after) == ("x" * 49, "y" * 32)


def test_words_are_whole_and_not_joined_to_the_one_they_stand_around() -> None:
    text = "one two " + "x" * 44 + " three WORDfour five six"
    here = around(text, Word(text.index("WORD"), text.index("WORD") + 4))

    assert here.words() == (["three"], ["five", "six"])
    assert around("one two WORD. Three", Word(8, 12)).words() == (["one", "two"], ["three"])


def test_a_blanked_word_is_a_word_that_tells_nothing() -> None:
    assert around("the ass WORD", Word(8, 12), Word(4, 7)).words() == (["the", BLANK * 3], [])


def test_a_word_touches_what_is_blanked_or_masked() -> None:
    assert around("abWORD", Word(2, 6), Word(0, 2)).touches_blank()
    assert around("WORD" + MASK, Word(0, 4)).touches_blank()
    assert not around("ab WORD", Word(3, 7), Word(0, 2)).touches_blank()


def test_what_is_left_of_a_text_stands_before_the_next_one() -> None:
    first = blanked(normalize("Ask my Dick", CharacterTable({})), [Word(7, 11)], NOTHING)
    left = first.left_of(11)
    rest = normalize(" Cheney", CharacterTable({}), edge="k")

    assert blanked(rest, [], left).around(2, 8).cased_before == "Ask my " + BLANK_CAPITAL + BLANK * 3 + " "
