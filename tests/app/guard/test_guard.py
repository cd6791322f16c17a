import pytest
from hypothesis import given, settings

from app.guard import MASK, Guard, Span, Thresholds, Verdict
from app.guard.guard import Left, moved
from app.guard.normalize import normalize
from tests.app.guard.strategies import texts


def test_a_span_says_where_what_and_how_bad(guard: Guard) -> None:
    assert guard.check("oh, f\u0336ück you").spans == (Span(4, 9, "profanity", 3),)


def test_an_innocent_text_has_an_empty_verdict(guard: Guard) -> None:
    assert guard.check("The pen is mine. Room 455, Boeing 717, 45.5 percent, an US company.") == Verdict()
    assert guard.check("") == Verdict()


def test_a_word_that_begins_before_the_text_is_clipped_to_it(guard: Guard) -> None:
    assert guard.check("ck you", before="what the fu").spans == (Span(0, 2, "profanity", 3),)
    assert guard.check(" you", before="what the fuck").spans == ()


def test_an_innocent_word_may_begin_before_the_text(guard: Guard) -> None:
    assert not guard.check("ass", before="cl").flagged
    assert guard.check("ass", before="kiss my ").flagged


def test_a_mask_covers_each_character_of_a_span(guard: Guard) -> None:
    text = "oh f.u.c.k off"

    assert guard.mask(text, guard.check(text)) == f"oh {MASK * 7} off"


@given(texts)
def test_the_guard_finds_nothing_in_what_it_masked(guard: Guard, text: str) -> None:
    assert guard.check(guard.mask(text, guard.check(text))) == Verdict()


@given(texts)
def test_a_mask_keeps_the_length_and_every_other_character(guard: Guard, text: str) -> None:
    verdict = guard.check(text)
    masked = guard.mask(text, verdict)

    assert len(masked) == len(text)
    inside = {index for span in verdict.spans for index in range(span.start, span.end)}
    for index, (before, after) in enumerate(zip(text, masked, strict=True)):
        assert after == (MASK if index in inside else before)


@given(texts)
def test_spans_are_ordered_apart_and_begin_and_end_at_visible_characters(guard: Guard, text: str) -> None:
    visible = set(normalize(text, guard.table).origin)
    end = 0
    for span in guard.check(text).spans:
        assert end <= span.start < span.end <= len(text)
        assert {span.start, span.end - 1} <= visible
        end = span.end


def settled(guard: Guard, text: str) -> int:
    return guard.settle(text, Left(), last=False).size


@given(texts)
def test_the_settled_part_of_a_text_is_judged_as_the_whole_is(guard: Guard, text: str) -> None:
    found = guard.settle(text, Left(), last=False)

    assert 0 <= found.size <= len(text)
    assert found.verdict.spans == tuple(span for span in guard.check(text).spans if span.end <= found.size)


@pytest.mark.parametrize(
    ("text", "pending"),
    [
        ("what the fu", "fu"),
        ("a moby d", "moby d"),
        ("sun, ", ""),
        ("The sun.", ""),
        ("he said s h", "s h"),
        ("", ""),
    ],
)
def test_what_may_become_a_bad_or_an_innocent_word_is_not_settled(
    guard: Guard, text: str, pending: str
) -> None:
    assert text[settled(guard, text) :] == pending


def test_a_bad_word_is_not_settled_until_its_neighbours_are_known(guard: Guard) -> None:
    assert settled(guard, "you ass") == 4
    assert settled(guard, "you ass, and that is all there is to say of it") > 8


def test_a_text_is_judged_in_parts_as_in_one_piece(guard: Guard) -> None:
    text = "Dick Cheney and a moby dick met an ass, and then they all went home to have some sleep at last."
    first = guard.settle(text[:60], Left(), last=False)
    rest = guard.settle(text[first.size :], first.left, last=True)

    assert first.size < 60
    assert first.size + rest.size == len(text)
    found = (*first.verdict.spans, *moved(rest.verdict.spans, first.size))
    assert [text[span.start : span.end] for span in found] == ["ass"]
    assert found == guard.check(text).spans


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ass.ass.ass.", ["ass", "ass", "ass"]),
        ("ass_ass_", ["ass", "ass"]),
        ("Dick fucked", ["Dick", "fucked"]),
        ("Dick Cocks", []),
        ("fuckMoby Dick", ["fuck", "Dick"]),
        ("#a55a55", []),
        ("4a55-4a55", []),
    ],
)
def test_no_listed_word_excuses_another_but_for_its_case_and_its_digits(
    guard: Guard, text: str, found: list[str]
) -> None:
    assert [text[span.start : span.end] for span in guard.check(text).spans] == found


def test_a_word_with_a_hundred_thousand_marks_is_found(guard: Guard) -> None:
    text = "f" + "\u0301" * 100_000 + "uck"

    assert guard.check(text).spans == (Span(0, len(text), "profanity", 3),)


@pytest.mark.usefixtures("few_words")
def test_the_version_changes_with_the_thresholds() -> None:
    from app.guard import load_guard

    guard, stricter, again = (
        load_guard(allow_file=None, deny_file=None, thresholds=thresholds)
        for thresholds in (Thresholds(), Thresholds(mild=1), Thresholds())
    )

    assert len(guard.version) == 12
    assert guard.version == again.version != stricter.version


@settings(max_examples=50)
@given(texts, texts)
def test_what_stands_before_does_not_hide_a_word_of_the_text(guard: Guard, before: str, text: str) -> None:
    for span in guard.check(f"{text}. ", before=before + " . ").spans:
        assert 0 <= span.start < span.end <= len(text) + 2
