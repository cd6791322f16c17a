"""Rules are tested through the guard: a text is what they are about."""

import pytest

from app.guard import Guard


def found(guard: Guard, text: str) -> list[str]:
    return [text[span.start : span.end] for span in guard.check(text).spans]


@pytest.mark.parametrize("text", ["fuuuck", "shhiiit", "fffuuuccckkk", "asss", "niggggger"])
def test_a_stretched_word_is_found(guard: Guard, text: str) -> None:
    assert found(guard, text) == [text]


@pytest.mark.parametrize("text", ["as", "niger", "assess", "Shiite", "woops", "jaap", "coon-less con"])
def test_a_word_with_too_few_letters_or_one_too_many_is_another(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged is text.startswith("coon")


@pytest.mark.parametrize(
    "text", ["class", "cockpit", "Scunthorpe", "Penistone", "Matsushita", "shiitake", "analysis", "Dickens"]
)
def test_a_word_inside_a_longer_one_is_another(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


@pytest.mark.parametrize("text", ["unfuckable", "motherfuckery", "clusterfuck", "bullshitters"])
def test_some_words_are_bad_inside_every_word(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize("text", ["f.u.c.k", "f u c k", "s-h-i-t", "s_h_i_t", "f, u, c, k", "a s s", "a.s.s"])
def test_a_word_is_found_that_is_spelled_out(guard: Guard, text: str) -> None:
    assert found(guard, text) == [text]


@pytest.mark.parametrize(
    "text", ["c l a s s", "a s s e m b l y", "p u s h i t", "f(u, c, k)", "A.S.S.", "s: h, i; t", "F A G"]
)
def test_letters_of_something_else_are_not_spelled_out(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


@pytest.mark.parametrize(
    ("text", "word"), [("a f u c k", "f u c k"), ("s h i t u", "s h i t"), ("I s h i t", "s h i t")]
)
def test_a_pronoun_beside_a_word_that_is_spelled_out_is_none_of_its_letters(
    guard: Guard, text: str, word: str
) -> None:
    assert found(guard, text) == [word]


@pytest.mark.parametrize("text", ["fu ck", "sh-it", "bi.tch", "f uck", "mother fu cker", "fu...ck"])
def test_a_word_is_found_that_is_cut_in_two(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize(
    "text",
    [
        "pen is",
        "push it",
        "who re",
        "let's hit",
        "this hit",
        "as so",
        "Shi Ting",
        "fu\nck",
        "fu (ck)",
        "5h it",
        "Fu Ck",
    ],
)
def test_words_of_their_own_are_no_word_cut_in_two(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


@pytest.mark.parametrize(
    "text",
    ["f(u)ck", "sh[i]t", "b{i}tch", "as(s)hole", "(f)uck", "sh(it)", "bi(tch)", "fu2ck", "shi8t", "f1uck"],
)
def test_a_word_is_found_with_brackets_or_one_digit_in_it(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize(
    "text",
    [
        "dic[k]",
        "bit[ch]",
        "bit(ch)",
        "(s)hit",
        "who(re)",
        "f(u]ck",
        "s2hit",
        "8bit2ch",
        "fu2ck3",
        "who2re",
        "f(u ck",
    ],
)
def test_an_index_a_call_an_optional_letter_or_an_id_is_no_such_word(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


@pytest.mark.parametrize("text", ["bicth", "fcuking", "bytches", "whroe", "shitshitshit", "dickdick"])
def test_a_mistyped_or_repeated_word_is_found(guard: Guard, text: str) -> None:
    assert found(guard, text) == [text]


@pytest.mark.parametrize("text", ["blow job", "blow-job", "blowjob", "blow\njob", "son-of-a-bitch"])
def test_a_phrase_is_found_whatever_joins_it(guard: Guard, text: str) -> None:
    assert found(guard, text) == [text]


@pytest.mark.parametrize("text", ["blow 7 job", "blow. A job", "job blow"])
def test_a_phrase_is_not_found_across_other_words(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


@pytest.mark.parametrize(
    "text", ["bigDick", "isABitch", "isBullshit", "what_the_fuck", "fuck123", "#fuck", "他fuck你"]
)
def test_a_word_is_found_in_an_identifier_or_beside_other_signs(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize("text", ["ass1gn", "ass_node", "tits = 5", "cum[0]", "/fAgM", "јар", "жass"])
def test_a_short_word_is_not_found_in_an_identifier_or_another_alphabet(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


def test_i_is_no_l(guard: Guard) -> None:
    assert found(guard, "cilt") == []
    assert found(guard, "clit") == found(guard, "clit")
    assert guard.check("sh1t").flagged
    assert guard.check("bu11shit").flagged
