from __future__ import annotations

import json

import llguidance
import pytest

from app.model.grammar import complete_grammar, grammar_limits


@pytest.mark.parametrize("beginning", ["", "typed", '"quoted" \\ and\n', "é ☃", "a" * 300])
@pytest.mark.parametrize(
    "answer", [{"lark_grammar": 'start: "yes" | "no"'}, {"json_schema": {"enum": ["yes", "no"]}}]
)
def test_a_text_is_the_beginning_and_an_answer(beginning: str, answer: dict[str, object]) -> None:
    quote = '"' if "json_schema" in answer else ""
    matcher = llguidance.LLMatcher(
        llguidance.LLTokenizer("byte"),
        complete_grammar(json.dumps(answer), beginning),
        limits=grammar_limits(),
    )
    assert matcher.get_error() == ""
    assert matcher.consume_tokens(list(f"{beginning}{quote}no{quote}".encode()))
    assert matcher.is_stopped()
    assert not matcher.is_error()


def test_a_forced_text_may_be_written_by_any_tokens() -> None:
    matcher = llguidance.LLMatcher(
        llguidance.LLTokenizer("byte"), complete_grammar(json.dumps({"lark_grammar": 'start: "yes"'}))
    )
    assert matcher.compute_ff_tokens() == []
