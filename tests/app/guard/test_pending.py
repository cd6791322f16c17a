from dataclasses import dataclass

import pytest

from app.guard.automaton import Automaton, automaton
from app.guard.letter_runs import PLAIN, read
from app.guard.normalize import CharacterTable, normalize
from app.guard.occurrence import AHEAD
from app.guard.pending import LONGEST_GAP, settled_until, unfinished_from
from app.guard.variants import plain_variants
from app.guard.word_list import ListedWord

WORDS: Automaton = automaton(
    {
        *plain_variants("frack", ListedWord("frack", "profanity", 3, "i")),
        *plain_variants("smeg", ListedWord("smeg", "profanity", 2, "2")),
        *plain_variants("grife", ListedWord("grife", "profanity", 2)),
        *plain_variants("big grife", ListedWord("big grife", "profanity", 2)),
        *plain_variants("grifeland park", None),
    }
)


@dataclass(frozen=True, slots=True)
class Word:
    start: int
    stop: int


def unfinished(text: str, edge: str = "") -> str:
    normalized = normalize(text, CharacterTable({}), edge=edge)
    start = unfinished_from(normalized, read(normalized.text.encode(), PLAIN), WORDS)
    return normalized.text[start:]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("oh gri", "gri"),
        ("oh GRI", "gri"),
        ("oh grife", "grife"),
        ("oh grifelan", "grifelan"),
        ("oh grifeland", "grifeland"),
        ("oh grifeland p", "grifeland p"),
        ("oh big ", "big "),
        ("oh big gr", "big gr"),
        ("oh grrri", "grrri"),
    ],
)
def test_the_beginning_of_a_word_or_a_phrase_is_unfinished(text: str, end: str) -> None:
    assert unfinished(text) == end


@pytest.mark.parametrize("text", ["", "...", "oh ", "oh hello", "grife park", "xgri", "grix", "a fra."])
def test_nothing_is_unfinished_where_no_word_begins_so(text: str) -> None:
    assert unfinished(text) == ""


def test_a_word_that_is_bad_inside_every_word_may_begin_within_one() -> None:
    assert unfinished("unfra") == "fra"


def test_only_a_word_that_leaves_no_doubt_may_go_on_behind_a_gap() -> None:
    assert unfinished("s m e ") == "s m e "
    assert unfinished("f r a ") == ""
    assert unfinished("s" + " " * LONGEST_GAP) == "s" + " " * LONGEST_GAP
    assert unfinished("s" + " " * (LONGEST_GAP + 1)) == ""


def test_what_a_stream_has_passed_on_is_not_unfinished_again() -> None:
    assert unfinished("ife", edge="r") == ""
    assert unfinished("grife", edge=" ") == "grife"


def test_a_text_is_settled_up_to_what_is_unfinished() -> None:
    assert settled_until(100, [], []) == 100
    assert settled_until(100, [Word(0, 4)], [Word(10, 20)]) == 100


def test_a_bad_word_is_settled_when_its_neighbours_are_known() -> None:
    assert settled_until(100, [Word(60, 100 - AHEAD)], []) == 100
    assert settled_until(100, [Word(60, 101 - AHEAD)], []) == 60


def test_an_innocent_word_is_settled_when_the_character_after_it_is_known() -> None:
    assert settled_until(100, [], [Word(90, 99)]) == 100
    assert settled_until(100, [], [Word(90, 100)]) == 90


def test_what_overlaps_something_that_is_not_settled_is_not_settled_either() -> None:
    assert settled_until(100, [Word(80, 90)], [Word(70, 85), Word(60, 72), Word(10, 60)]) == 60
