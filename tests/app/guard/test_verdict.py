from app.guard import Span, Verdict


def test_a_verdict_without_spans_is_not_flagged() -> None:
    assert not Verdict().flagged
    assert Verdict().categories == ()


def test_categories_are_sorted_and_each_stands_once() -> None:
    verdict = Verdict((Span(0, 4, "slur", 3), Span(5, 9, "insult", 2), Span(10, 12, "slur", 2)))

    assert verdict.flagged
    assert verdict.categories == ("insult", "slur")
