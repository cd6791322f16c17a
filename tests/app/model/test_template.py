from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError

from app.errors import ModelRefusedError
from app.model.template import compile_template, named_tokens

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "templates.json").read_text(encoding="utf-8")
)
"""Templates, their variables, and what transformers made of them (`python -m tests.families.templates`)."""


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_template_is_rendered_as_transformers_does(case: dict[str, Any]) -> None:
    template = compile_template(case["template"])
    if case["rendered"] is None:
        with pytest.raises((TemplateError, TypeError, ArithmeticError)):
            template.render(case["variables"])
    else:
        assert template.render(case["variables"]) == case["rendered"]


def test_a_template_may_ask_for_the_date() -> None:
    before = datetime.now().astimezone().date()
    rendered = compile_template("{{ strftime_now('%d %m %Y') }}").render()
    day, month, year = map(int, rendered.split())
    assert before <= date(year, month, day) <= datetime.now().astimezone().date()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("a\n{% if %}", "the chat template, line 2: Expected an expression, got 'end of statement block'"),
        ("{% unknown %}", "the chat template, line 1: Encountered unknown tag 'unknown'."),
        ("{{ 'a' | unknown }}", "the chat template, line 1: No filter named 'unknown'."),
        ("{% for m in messages %}", "the chat template, line 1: Unexpected end of template"),
        ("{% generation %}", "the chat template, line 1: Unexpected end of template"),
        ("{% for a in b %}" * 30 + "{% endfor %}" * 30, "the chat template is nested too deeply"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "the chat template is nested too deeply"),
    ],
)
def test_a_template_that_cannot_be_parsed_is_one_line(source: str, reason: str) -> None:
    with pytest.raises(ModelRefusedError) as refusal:
        compile_template(source)
    assert str(refusal.value).startswith(reason)
    assert "\n" not in str(refusal.value)


def test_tokens_get_their_names_from_what_they_do() -> None:
    special = {"<|a|>": 1, "<|b|>": 2, "<|c|>": 3}
    assert named_tokens(special, 3, (1, 2)) == {"bos_token": "<|c|>", "eos_token": "<|a|>"}
    assert named_tokens({}, None, ()) == {}
