import pytest

from app.guard import Guard


@pytest.mark.parametrize(
    "text", ["Dick Cheney", "Philip K. Dick", "Uncle Dick's farm", "Coon Rapids", "Alan Cumming", "Dick-Read"]
)
def test_a_word_beside_a_name_is_a_name(guard: Guard, text: str) -> None:
    assert not guard.check(text).flagged


@pytest.mark.parametrize(
    "text", ["you dick", "DICK CHENEY", "dick cheney", "My Dick", "a Dick", "D1ck Cheney"]
)
def test_a_word_that_is_not_written_as_a_name_is_none(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize(
    "text", ["Das Buch ist sehr dick.", "Je kunt gaan.", "le train est en retard", "Jeg har to fag."]
)
def test_a_word_among_words_of_another_language_is_of_that_language(guard: Guard, text: str) -> None:
    assert not guard.check(text).flagged


@pytest.mark.parametrize("text", ["my dick is big", "you kunt", "what a retard"])
def test_a_word_among_english_words_is_english(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize("text", ["das ist fuck", "Dick Fuck", "der fu ck"])
def test_other_words_have_no_excuse(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged
