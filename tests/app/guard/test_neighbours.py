"""Rules about neighbours are tested through the guard: a text is what they are about."""

import pytest

from app.guard import MASK, Guard


def found(guard: Guard, text: str) -> list[str]:
    return [text[span.start : span.end] for span in guard.check(text).spans]


@pytest.mark.parametrize(
    "text",
    [
        "ass1gn",
        "ass_node",
        "tits = 5",
        "cum[0]",
        "cum += 1",
        "x[ass]",
        "ass.index",
        "ass(x)",
        "ASS-1",
        "a5tits",
        "cum := 1",
        'df["cum"]',
        "data['tits']",
        "df.cum.plot()",
        "df$cum",
        "sum(cum)",
        "tits = titles.sorted()",
        "ass = a if b else c",
        "ass = new Assembler()",
    ],
)
def test_a_word_that_is_part_of_an_identifier_is_none(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


@pytest.mark.parametrize(
    "text", ["twat = my boss", "tits = the best", "wanker = him", "twat -> you", "arse = people who talk"]
)
def test_what_a_word_is_said_to_be_is_no_value(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize(
    "text", ["0xa55a55", "#a55", "id=a55", "123e4567-a55e", "a55a55", "$tits->count", "n(1tit)"]
)
def test_a_word_with_digits_that_is_part_of_a_number_or_a_program_is_none(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


@pytest.mark.parametrize("text", ["f*k = 3", "f--k's", "user sh**@example.com", "**bold** f**", "\\f**"])
def test_symbols_that_are_operators_bold_type_or_an_address_hide_nothing(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


@pytest.mark.parametrize(
    "text", ["c l a s s", "a s s e t", "s h i t t a h", "f(u, c, k)", "[s-h-i-t]", "int f, u, c, k;"]
)
def test_letters_of_something_longer_are_not_spelled_out(guard: Guard, text: str) -> None:
    assert found(guard, text) == []


def test_a_pronoun_is_no_letter_of_a_word_that_is_spelled_out(guard: Guard) -> None:
    assert found(guard, "I s h i t a") == ["s h i t"]


def test_a_listed_word_is_no_part_of_its_neighbour(guard: Guard) -> None:
    assert found(guard, "ass.ass") == ["ass", "ass"]
    assert found(guard, f"ass.{MASK * 3}") == ["ass"]


@pytest.mark.parametrize("text", ["'s hit", "fu ck's", "bi tch. It"])
def test_an_apostrophe_or_a_new_sentence_joins_no_pieces(guard: Guard, text: str) -> None:
    assert found(guard, text) == []
