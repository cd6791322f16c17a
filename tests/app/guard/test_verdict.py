import pytest

from app.guard import Span, Thresholds, Verdict, load_guard


def test_a_verdict_without_spans_is_not_flagged() -> None:
    assert not Verdict().flagged
    assert Verdict().categories == ()


def test_categories_are_sorted_and_each_stands_once() -> None:
    verdict = Verdict((Span(0, 4, "slur", 3), Span(5, 9, "insult", 2), Span(10, 12, "slur", 2)))

    assert verdict.flagged
    assert verdict.categories == ("insult", "slur")


def test_a_mapping_sets_the_categories_it_names() -> None:
    assert Thresholds.of({"mild": 4}) == Thresholds(mild=4)
    assert Thresholds.of({}) == Thresholds()


@pytest.mark.parametrize("severities", [{"rude": 2}, {"mild": 0}, {"mild": 5}])
def test_an_unknown_category_or_severity_is_refused(severities: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"rude|mild"):
        Thresholds.of(severities)


@pytest.mark.usefixtures("few_words")
def test_a_threshold_says_from_which_severity_on_a_category_is_flagged() -> None:
    guard, stricter, laxer = (
        load_guard(allow_file=None, deny_file=None, thresholds=thresholds)
        for thresholds in (Thresholds(), Thresholds(mild=1), Thresholds(profanity=4))
    )

    assert not guard.check("damn").flagged
    assert stricter.check("damn").categories == ("mild",)
    assert guard.check("shit").flagged
    assert not laxer.check("shit").flagged
