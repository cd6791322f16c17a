"""A grammar is compiled beside the engine's loop: who needs none does not wait."""

from __future__ import annotations

import json
from threading import Event
from typing import Any

import pytest

from app.engine.batch.grammar import Grammars
from app.engine.batch.speculation import Drafter
from app.engine.messages import Failed, Finished, FromEngine, Generation, Tokens
from tests.app.engine.batch.test_scheduler import PIECES, VOCABULARY, drain, finished, greedy, ids, make

ABC = json.dumps({"lark_grammar": "start: / ?[abc]{1,3}(,[abc]{2})*\\./"})


def text(said: Any, number: int) -> str:
    return "".join(PIECES[token] for token in ids(said, number))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Grammars are compiled once this is set."""
    compiling, original = Event(), Grammars._compile

    def waited(self: Grammars, grammar: str, typed: bytes) -> Any:
        assert compiling.wait(30)
        return original(self, grammar, typed)

    monkeypatch.setattr(Grammars, "_compile", waited)
    return compiling


def test_the_others_do_not_wait_for_a_grammar(slow: Event) -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((5, 6), 30, grammar=ABC))
    assert scheduler.stats.waiting == 1
    scheduler.submit(2, Generation((5, 6), 4))
    said: list[FromEngine] = []
    while not any(isinstance(message, Finished) for message in said):
        said += scheduler.step()
    assert ids(said, 2) == greedy([5, 6], 4)
    assert scheduler.busy
    slow.set()
    assert finished(drain(scheduler), 1).reason in ("stop", "length")


def test_a_generation_is_forgotten_while_its_grammar_is_compiled(slow: Event) -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((5, 6), 30, grammar=ABC))
    scheduler.step()
    scheduler.cancel(1)
    assert not scheduler.busy
    slow.set()


def test_a_grammar_that_cannot_be_compiled_fails_its_generation_alone() -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((5, 6), 30, grammar=json.dumps({"lark_grammar": "start: nothing"})))
    scheduler.submit(2, Generation((5, 6), 4))
    said = drain(scheduler)
    (failed,) = [message for message in said if isinstance(message, Failed)]
    assert (failed.number, failed.grammar) == (1, True)
    assert "nothing" in failed.message
    assert ids(said, 2) == greedy([5, 6], 4)


def test_a_text_matches_its_grammar_and_ends_with_it() -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    for number in range(20):
        scheduler.submit(number, Generation((number, 6), 60, grammar=ABC))
    said = drain(scheduler)
    texts = [text(said, number) for number in range(20)]
    assert all(set(each.removesuffix(".")) <= set(" abc,") for each in texts)
    for number, each in enumerate(texts):
        assert finished(said, number).reason == ("stop" if each.endswith(".") else "length")
    assert sum(each.endswith(".") for each in texts) >= 10
    assert scheduler.stats.masks == sum(len(ids(said, number)) for number in range(20))


def test_alternatives_within_a_grammar_fail_alone() -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    scheduler.submit(1, Generation((5, 6), 30, grammar=ABC, alternatives=1))
    assert drain(scheduler) == [Failed(1, "other first words are not searched within a grammar")]


def test_only_drafts_that_the_grammar_permits_are_verified() -> None:
    def drafted(grammar: str, drafter: Drafter | None) -> tuple[list[int], int]:
        scheduler, _ = make(drafter=drafter, vocabulary=VOCABULARY)
        scheduler.submit(1, Generation((5, 6), 60, grammar=json.dumps({"lark_grammar": grammar})))
        text = ids(drain(scheduler), 1)
        return text, scheduler.stats.drafted_tokens

    looping, once = "start: /(abc){25}/", "start: /" + "".join(f"ab{n}" for n in range(12, 30)) + "/"
    assert drafted(looping, Drafter())[1] > 0
    for grammar in (looping, once):
        text, count = drafted(grammar, Drafter())
        assert text == drafted(grammar, None)[0]
    assert count == 0


def test_what_is_typed_comes_before_the_grammar() -> None:
    scheduler, _ = make(vocabulary=VOCABULARY)
    grammar = json.dumps({"lark_grammar": 'start: "b" | "bc" | "c."'})
    for number in range(10):
        scheduler.submit(number, Generation((number, 6), 60, typed=b" a", grammar=grammar))
    said = drain(scheduler)
    texts = {text(said, number) for number in range(10)}
    assert texts <= {" ab", " abc", " ac."}
    assert len(texts) > 1
    assert [m.ids for m in said if isinstance(m, Tokens) and not m.ids] == []
