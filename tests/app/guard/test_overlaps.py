from dataclasses import dataclass

from app.guard import Span
from app.guard.normalize import CharacterTable, normalize
from app.guard.overlaps import Match, Reach, exposed, spans
from app.guard.word_list import ListedWord

BAD, WORSE = ListedWord("bad", "insult", 2), ListedWord("worse", "slur", 3)


@dataclass(frozen=True, slots=True)
class Innocent:
    start: int
    stop: int


def match(start: int, stop: int, listed: ListedWord = BAD) -> Match:
    return Match(start, stop, listed)


def test_a_bad_word_within_an_innocent_one_does_not_count() -> None:
    assert exposed([match(5, 9), match(20, 24)], [Innocent(0, 9)]) == [match(20, 24)]


def test_an_innocent_word_that_a_bad_one_reaches_into_covers_nothing() -> None:
    inner, outer = match(1, 3), match(2, 6)

    assert exposed([inner, outer], [Innocent(0, 4)]) == [inner, outer]


def test_a_bad_word_around_an_innocent_one_counts() -> None:
    assert exposed([match(0, 9)], [Innocent(2, 5)]) == [match(0, 9)]


def test_a_word_that_only_touches_another_leaves_it_alone() -> None:
    assert exposed([match(1, 3), match(4, 6)], [Innocent(0, 4)]) == [match(4, 6)]


def test_the_reach_of_an_index_is_the_furthest_stop_of_what_begins_there_or_before() -> None:
    reach = Reach([Innocent(2, 9), Innocent(4, 6), Innocent(12, 13)])

    assert [reach.of(index) for index in (1, 2, 5, 12)] == [-1, 9, 9, 13]
    assert Reach([]).of(5) == -1


def test_overlapping_matches_become_one_span_named_after_the_worst() -> None:
    normalized = normalize("a\u0301bcdefgh", CharacterTable({}))

    assert spans([match(0, 3), match(1, 5, WORSE), match(6, 8)], normalized) == [
        Span(0, 6, "slur", 3),
        Span(7, 9, "insult", 2),
    ]
    assert spans([match(0, 3, WORSE), match(1, 5)], normalized) == [Span(0, 6, "slur", 3)]
