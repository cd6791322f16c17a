from app.guard.variants import Variant, hidden_variants, plain_variants
from app.guard.word_list import ListedWord

ENTRY = ListedWord("ass", "profanity", 2)


def test_a_word_is_runs_of_letters_and_letters_alone() -> None:
    assert list(plain_variants("ass", ENTRY)) == [
        Variant("as", (1, 2), (), ENTRY),
        Variant("ass", (1, 1, 1), (), ENTRY),
    ]


def test_an_innocent_word_stands_only_as_it_is_written() -> None:
    assert list(plain_variants("bass", None)) == [Variant("bas", (1, 1, 2), (), None)]


def test_a_phrase_stands_with_a_gap_and_without() -> None:
    variants = list(plain_variants("ass sir", ENTRY))

    assert variants[0] == Variant("assir", (1, 2, 1, 1, 1), (2,), ENTRY)
    assert variants[1] == Variant("asir", (1, 3, 1, 1), (), ENTRY)


def test_the_skeleton_makes_no_difference_between_i_and_l() -> None:
    assert Variant("lil", (1, 1, 1), (), None).skeleton == b"iii"


def test_a_form_inside_words_says_so_unless_letters_are_hidden() -> None:
    listed = ListedWord("fuck", "profanity", 3, "i")

    assert Variant("fuck", (1, 1, 1, 1), (), listed).inside
    assert not Variant("f*k", (1, 1, 1), (), listed, "**").inside
    assert not Variant("fuck", (1, 1, 1, 1), (), None).inside


def hidden(word: str, base: str) -> set[str]:
    return {variant.letters for variant in hidden_variants(word, base, ListedWord(base, "profanity", 2))}


def test_neighbouring_letters_of_a_word_are_hidden() -> None:
    assert hidden("dick", "dick") == {"d*ck", "d*k", "di*k"}


def test_of_the_worst_words_one_letter_or_two_may_stand_alone() -> None:
    assert {"f*", "fu*"} <= hidden("fuck", "fuck")
    assert "fuc*" not in hidden("fuck", "fuck")
    assert "f*" not in hidden("fucks", "fuck")
    assert "d*" not in hidden("dick", "dick")


def test_an_ending_stays_while_its_base_is_hidden() -> None:
    assert {"f*ing", "f*king", "f*g"} <= hidden("fucking", "fuck")
    assert "shi*ead" not in hidden("shithead", "shit")


def test_several_vowels_may_be_hidden_at_once() -> None:
    assert "b*st*rd" in hidden("bastard", "bastard")
