from app.guard.automaton import automaton
from app.guard.variants import plain_variants
from app.guard.word_list import ListedWord

INSIDE, WHOLE = ListedWord("fuck", "profanity", 3, "i"), ListedWord("cock", "sexual", 2)
VARIANTS = {
    *plain_variants("fuck", INSIDE),
    *plain_variants("cock", WHOLE),
    *plain_variants("cocktail", None),
}


def test_all_variants_are_found_overlapping_ones_too() -> None:
    made = automaton(VARIANTS)
    found = [
        (made.groups[number].variants[0].letters, first, last)
        for number, first, last in made.hits(b"fuckcocktaii")
    ]

    assert sorted(found) == [("cock", 4, 8), ("cocktail", 4, 12), ("fuck", 0, 4)]


def test_a_group_is_inside_where_one_of_its_variants_is() -> None:
    inside = {group.variants[0].letters: group.inside for group in automaton(VARIANTS).groups}

    assert inside == {"fuck": True, "cock": False, "cocktail": False}


def test_the_heads_are_the_beginnings_of_all_variants() -> None:
    made = automaton(set(plain_variants("fuck", INSIDE)) | set(plain_variants("cum", WHOLE)))

    assert made.heads == {b"f", b"fu", b"fuc", b"fuck", b"c", b"cu", b"cum"}
    assert made.inside_heads == {b"f", b"fu", b"fuc", b"fuck"}
    assert made.longest == 4


def test_an_automaton_of_nothing_finds_nothing() -> None:
    assert list(automaton(set()).hits(b"fuck")) == []
