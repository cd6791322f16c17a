import pytest

from app.guard import Guard, Thresholds


def test_the_stricter_of_two_takes_the_lower_severity_of_each_category() -> None:
    mine = Thresholds(profanity=1, slur=3)
    yours = Thresholds(slur=2, mild=1)

    assert mine.stricter(yours) == yours.stricter(mine) == Thresholds(profanity=1, slur=2, mild=1)


def test_a_mapping_sets_the_categories_it_names() -> None:
    assert Thresholds.of({"mild": 4}) == Thresholds(mild=4)
    assert Thresholds.of({}) == Thresholds()


@pytest.mark.parametrize("severities", [{"rude": 2}, {"mild": 0}, {"mild": 5}])
def test_an_unknown_category_or_severity_is_refused(severities: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"rude|mild"):
        Thresholds.of(severities)


def test_a_request_may_be_stricter_than_the_guard(guard: Guard) -> None:
    assert not guard.check("damn").flagged
    assert guard.check("damn", thresholds=Thresholds(mild=1)).categories == ("mild",)


def test_a_request_is_never_laxer_than_the_guard(guard: Guard) -> None:
    assert guard.check("shit", thresholds=Thresholds(4, 4, 4, 4, 4)).flagged
