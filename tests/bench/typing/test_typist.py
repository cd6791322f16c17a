from __future__ import annotations

from collections.abc import Callable

from bench.typing.client import Options
from bench.typing.suggestion import Suggestion
from bench.typing.typist import Refusal, Session, refusals, type_text

TEXT = "We can go home"


def script(**answers: str) -> Callable[[str], Suggestion]:
    """Answers by what is typed, with `_` for a space; nothing elsewhere."""
    return lambda prompt: Suggestion(answers.get(prompt.replace(" ", "_"), ""))


def test_without_suggestions_each_character_is_a_key() -> None:
    assert type_text(TEXT, script()) == Session(14, 14, 14, 13, 0, 0, 0, 0, 0)


def test_a_tab_takes_all_that_is_right_and_a_word_key_each_word() -> None:
    # "W", "e", " ", "c", then one Tab for "an go" of "an go there", then " home" letter by letter.
    found = type_text(TEXT, script(We_c="an go there"))
    assert (found.keys, found.keys_by_word) == (4 + 1 + 5 - 1, 4 + 2 + 5 - 1)
    assert (found.states, found.wrong) == (3 + 1 + 5 - 1, 0)


def test_two_characters_are_not_worth_a_tab() -> None:
    assert type_text(TEXT, script(We_c="an")).keys == 14


def test_a_wrong_first_word_is_counted_and_not_taken() -> None:
    found = type_text(TEXT, script(W="hen", We=" could"))
    assert (found.keys, found.wrong) == (14, 2)


def test_a_ghost_is_steady_where_the_next_suggestion_is_the_rest_of_it() -> None:
    # "e", " " and "c" agree with what stood there; only after " " the rest of the word is offered again.
    found = type_text(TEXT, script(W="eather", We=" could", We_="could"))
    assert (found.agreed, found.steady) == (3, 1)


def test_refused_and_withheld_suggestions_are_counted() -> None:
    answers = {"W": Suggestion(error="400 content_filter"), "We": Suggestion(withheld=True)}
    found = type_text(TEXT, lambda prompt: answers.get(prompt, Suggestion()))
    assert (found.refused, found.withheld, found.keys) == (1, 1, 14)


def test_every_keystroke_of_a_text_is_asked_for_one_token() -> None:
    asked: list[tuple[str, Options]] = []

    def ask(prompt: str, options: Options) -> Suggestion:
        asked.append((prompt, options))
        return Suggestion(error="400 content_filter" if prompt == "as" else "")

    assert list(refusals("ask", ask)) == [Refusal("as", "400 content_filter")]
    assert asked == [(prompt, Options(max_tokens=1)) for prompt in ("a", "as", "ask")]
