from app.guard import Span
from app.guard.normalize import CharacterTable, normalize
from app.guard.overlaps import Match, exposed, spans
from app.guard.word_list import ListedWord

BAD, WORSE = ListedWord("bad", "insult", 2), ListedWord("worse", "slur", 3)


def match(start: int, stop: int, listed: ListedWord | None = BAD, excused: bool = False) -> Match:
    return Match(start, stop, listed, excused)


def test_a_bad_match_within_an_innocent_one_does_not_count() -> None:
    assert exposed([match(5, 9), match(0, 9, None), match(20, 24)]) == [match(20, 24)]


def test_an_excused_match_does_not_count() -> None:
    assert exposed([match(0, 4, BAD, excused=True)]) == []


def test_an_innocent_match_that_a_bad_one_reaches_into_covers_nothing() -> None:
    inner, outer = match(1, 3), match(2, 6)

    assert exposed([match(0, 4, None), inner, outer]) == [inner, outer]


def test_a_match_that_only_touches_another_leaves_it_alone() -> None:
    assert exposed([match(0, 4, None), match(1, 3), match(4, 6)]) == [match(4, 6)]


def test_overlapping_matches_become_one_span_named_after_the_worst() -> None:
    normalized = normalize("a\u0301bcdefgh", CharacterTable({}))

    assert spans([match(0, 3), match(1, 5, WORSE), match(6, 8)], normalized) == [
        Span(0, 6, "slur", 3),
        Span(7, 9, "insult", 2),
    ]
