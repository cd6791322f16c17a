from __future__ import annotations

from collections.abc import Callable

import pytest

from app.guard.guard import Guard
from app.guard.unfinished import InnocentWords
from app.guard.verdict import Verdict

WORDS = InnocentWords.of_tokens([b" assignment", b" night", b"Dickens", b" fucking", b"12", b"\xff"])


@pytest.fixture
def judge(guard: Guard) -> Callable[[str], bool]:
    """Whether a text that somebody is typing is flagged."""
    return lambda text: judged(WORDS, guard, text).flagged


def judged(words: InnocentWords, guard: Guard, text: str) -> Verdict:
    verdict = guard.check(text)
    start = words.unfinished_from(guard, text, verdict)
    return verdict if start is None else verdict.before(start)


@pytest.mark.parametrize(
    "text",
    [
        "a concert last nig",
        "finish the ass",
        "Finish my ASS",
        "novels by Dick",
        "Scunt",
        "shiit",
        "a quiet lane",
    ],
)
def test_a_last_word_passes_that_an_innocent_word_begins_with(
    judge: Callable[[str], bool], text: str
) -> None:
    assert not judge(text)


@pytest.mark.parametrize(
    "text",
    ["you are an ass.", "you are an ass ", "what the fuck", "what the fuc", "f u c k", "fuck finish the ass"],
)
def test_a_finished_word_and_one_that_only_bad_words_begin_with_do_not(
    judge: Callable[[str], bool], text: str
) -> None:
    assert judge(text)


def test_an_innocent_phrase_passes_behind_its_first_word(judge: Callable[[str], bool]) -> None:
    assert not judge("all spic a")
    assert not judge("all spic and spa")
    assert judge("all spic b")


def test_what_is_found_before_the_last_word_stays(guard: Guard) -> None:
    text = "fuck, finish the ass"
    (span,) = judged(WORDS, guard, text).spans
    assert (span.start, span.end) == (0, 4)


def test_every_beginning_of_a_word_that_the_guard_lets_pass_is_let_pass(guard: Guard) -> None:
    words = ["assassin", "Arsenal", "cockpit", "Dickens", "Essex", "grape", "nightingale", "Sussex", "title"]
    innocent = InnocentWords(words)
    typed = [f"the {word[:size]}" for word in words for size in range(1, len(word) + 1)]
    assert [text for text in typed if judged(innocent, guard, text).flagged] == []


@pytest.mark.parametrize(
    "name", ["Bastidas", "Cintia", "Cintrón", "Phagwara", "Sheth", "Shetland", "Shetty", "sihteeri", "Wöhrer"]
)
def test_a_name_is_let_pass_from_its_first_letter_to_its_last(
    judge: Callable[[str], bool], name: str
) -> None:
    typed = [f"Send it to {name[:size]}" for size in range(1, len(name) + 1)]
    assert [text for text in [*typed, f"Send it to {name} today."] if judge(text)] == []
