from __future__ import annotations

import pytest

from bench.session.services import TOKENS, ik_healed, llama, llama_healed, ours, split


@pytest.mark.parametrize(
    ("typed", "before", "piece"),
    [
        ("I am wri", "I am", " wri"),
        ("I am ", "I am", " "),
        ("at 12", "at", " 12"),
        ("well, ...", "well,", " ..."),
        ("Wort", "", "Wort"),
        ("", "", ""),
        ("line\n\n", "line", "\n\n"),
    ],
)
def test_the_last_piece_is_a_word_with_its_space_digits_signs_or_spaces(
    typed: str, before: str, piece: str
) -> None:
    assert split(typed) == (before, piece)


def test_every_server_is_asked_for_as_many_greedy_tokens() -> None:
    assert (ours("a b")["max_tokens"], ours("a b")["temperature"]) == (TOKENS, 0)
    assert (llama("a b")["n_predict"], llama("a b")["temperature"]) == (TOKENS, 0)
    assert ik_healed("a b") == {"prompt": "a", "piece": " b", "count": TOKENS}


def test_a_grammar_begins_with_the_last_piece() -> None:
    asked = llama_healed('say "')
    assert asked["prompt"] == "say"
    assert asked["grammar"] == 'root ::= " \\"" [^\\x00]*'
    assert asked["cache_prompt"] is True


@pytest.mark.parametrize("typed", ["", "Wort"])
def test_a_text_that_is_one_piece_is_not_healed(typed: str) -> None:
    assert llama_healed(typed) == llama(typed)
    assert ik_healed(typed) == {"prompt": typed, "piece": "", "count": TOKENS}
