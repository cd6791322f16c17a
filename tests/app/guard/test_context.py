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


@pytest.mark.parametrize(
    "text", ["Dick, Nebraska, 3rd", "the senators Coon, Iowa, and", "Wank, OH", "Kike, Upper Austria"]
)
def test_a_word_before_a_state_or_a_country_is_a_name(guard: Guard, text: str) -> None:
    assert not guard.check(text).flagged


@pytest.mark.parametrize(
    "text", ["my Dick, Texas", "Suck Dick, Texas", "dick, Texas", "Dick, Dude", "Bitch, Ohio"]
)
def test_an_insult_before_one_is_none(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize(
    "text",
    [
        "Kick-Ass is a film",
        "The Bitch (1979)",
        "Bad Ass 2, a sequel",
        "Dick (1999) with K. D.",
        "Bitch Slap, a movie",
    ],
)
def test_a_capitalized_word_is_part_of_a_title_where_a_year_or_a_film_is_near(
    guard: Guard, text: str
) -> None:
    assert not guard.check(text).flagged


@pytest.mark.parametrize(
    "text",
    [
        "kick-ass film",
        "This Movie Is Shit",
        "Shit Movie",
        "You Bitch, what a film",
        "Fuck (2005)",
        "bitch (1979)",
    ],
)
def test_of_a_film_one_may_speak_badly(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged
