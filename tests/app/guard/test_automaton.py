from app.guard.automaton import automaton
from app.guard.variants import plain_forms
from app.guard.word_list import Entry

INSIDE, WHOLE = Entry("fuck", "profanity", 3, "i"), Entry("cock", "sexual", 2)
FORMS = {*plain_forms("fuck", INSIDE), *plain_forms("cock", WHOLE), *plain_forms("cocktail", None)}


def test_all_forms_are_found_overlapping_ones_too() -> None:
    found = [
        (group.forms[0].letters, first, last) for group, first, last in automaton(FORMS).hits(b"fuckcocktaii")
    ]

    assert sorted(found) == [("cock", 4, 8), ("cocktail", 4, 12), ("fuck", 0, 4)]


def test_a_group_is_inside_where_one_of_its_forms_is() -> None:
    inside = {group.forms[0].letters: group.inside for group in automaton(FORMS).groups}

    assert inside == {"fuck": True, "cock": False, "cocktail": False}


def test_the_heads_are_the_beginnings_of_all_forms() -> None:
    made = automaton(set(plain_forms("fuck", INSIDE)) | set(plain_forms("cum", WHOLE)))

    assert made.heads == {b"f", b"fu", b"fuc", b"fuck", b"c", b"cu", b"cum"}
    assert made.inside_heads == {b"f", b"fu", b"fuc", b"fuck"}
    assert made.longest == 4


def test_an_automaton_of_nothing_finds_nothing() -> None:
    assert list(automaton(set()).hits(b"fuck")) == []
