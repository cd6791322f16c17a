import pytest

from app.guard.inflection import inflect, joined


@pytest.mark.parametrize(
    ("word", "traits", "some"),
    [
        ("cock", "s", {"cock", "cocks"}),
        ("bitch", "s", {"bitches"}),
        ("pussy", "s", {"pussies"}),
        ("shit", "v", {"shitting", "shitted", "shitter", "shittin"}),
        ("whore", "v", {"whoring", "whored"}),
        ("fuck", "v", {"fucking", "fuckers"}),
        ("slut", "y", {"slutty", "sluttier", "sluttiest"}),
        ("bitch", "y", {"bitchy", "bitchiness"}),
        ("shit", "c", {"shithead"}),
    ],
)
def test_a_word_takes_the_endings_of_its_traits(word: str, traits: str, some: set[str]) -> None:
    assert some <= set(inflect(word, traits, ["head"]))


def test_a_word_without_traits_stands_alone() -> None:
    assert list(inflect("jism", "", ["head"])) == ["jism"]


def test_a_consonant_is_not_doubled_after_two_vowels_nor_k() -> None:
    assert "poopping" not in set(inflect("poop", "v", []))
    assert "fuking" in set(inflect("fuk", "v", []))


def test_a_word_is_written_together_with_one_before_it() -> None:
    assert set(joined("bitch", "w", ["stupid"])) == {"stupidbitch", "stupidbitches", "stupidbitchez"}
    assert list(joined("cum", "", ["stupid"])) == []
