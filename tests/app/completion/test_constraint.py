"""Constraints become grammars, or errors that name their field."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import llguidance
import pytest

from app.completion import constraint as module
from app.completion.constraint import LONGEST, Constraint, Constraints, Kind
from app.errors import InvalidRequestError
from app.model.grammar import complete_grammar

pytestmark = pytest.mark.anyio

MANY = {"allOf": [{"anyOf": [{"properties": {f"p{n}": {"const": m}}} for m in range(4)]} for n in range(12)]}
"""Sixteen million combinations."""


async def accepts(kind: Kind, text: str, *answers: str) -> list[bool]:
    """Which of the answers a constraint permits."""
    grammar = await Constraints().of(Constraint(kind, text, "field"))
    matcher = llguidance.LLMatcher(llguidance.LLTokenizer("byte"), complete_grammar(grammar), log_level=0)
    found = []
    for answer in answers:
        copy = matcher.deep_copy()
        found.append(bool(copy.consume_tokens(list(answer.encode())) and copy.is_accepting()))
    return found


async def refusal(kind: Kind, text: str) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        await Constraints().of(Constraint(kind, text, "guided_json"))
    assert caught.value.field == "guided_json"
    return caught.value


async def test_a_schema_permits_what_it_describes() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    text = json.dumps(schema)
    assert await accepts("json_schema", text, '{"a":1}', '{"a": 1}', '{\n  "a": -7\n}') == [True] * 3
    assert (
        await accepts("json_schema", text, "{}", '{"a":"1"}', '{"a":  1}', '{"a":1', ' {"a":1}')
        == [False] * 5
    )


async def test_a_schema_may_count_in_steps() -> None:
    for step, answers in ((0.25, ("0.75", "0.7")), (5000, ("15000", "1500")), (12, ("144", "143"))):
        schema: dict[str, Any] = {"type": "number", "multipleOf": step, "properties": {"multipleOf": {}}}
        assert await accepts("json_schema", json.dumps(schema), *answers) == [True, False]


async def test_a_schema_sets_no_options_of_the_library() -> None:
    text = json.dumps({"type": "object", "x-guidance": {"lenient": True, "whitespace_pattern": "#"}})
    assert await accepts("json_schema", text, "{}", "{#}") == [True, False]


async def test_a_regular_expression_matches_the_whole_text() -> None:
    assert (
        await accepts("regex", r"\d{3}/(a|b)+", "123/ab", "123/", "x123/a", "123/ab ") == [True] + [False] * 3
    )


async def test_one_of_several_texts_is_chosen() -> None:
    texts = ["yes", "no", 'say "no"\n', "é", "yesterday"]
    assert await accepts("choice", json.dumps(texts), *texts) == [True] * 5
    assert await accepts("choice", json.dumps(texts), "ye", "maybe", "yesno") == [False] * 3


@pytest.mark.parametrize(
    "grammar",
    [
        'start: greeting " " name\ngreeting: "hi" | "hello"\nname: /[A-Z][a-z]+/',
        'root ::= greeting " " name\ngreeting ::= "hi" | "hello"\nname ::= [A-Z] [a-z]+',
    ],
)
async def test_a_grammar_is_lark_or_gbnf(grammar: str) -> None:
    assert await accepts("grammar", grammar, "hi Ada", "hello Bob", "hey Ada", "hi ada") == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("json_schema", '{"uniqueItems": true, "type": "array"}', "uniqueItems"),
        ("json_schema", '{"type": "canary"}', ""),
        ("json_schema", '{"type": "string", "format": "color"}', "color"),
        ("json_schema", '{"$ref": "https://example.com/schema"}', ""),
        ("json_schema", '{"enum": []}', ""),
        ("regex", "(", ""),
        ("regex", "(?=a)", ""),
        ("json_schema", json.dumps(MANY), "too large"),
        ("json_schema", '{"type": "integer", "multipleOf": 99999999}', "multipleOf"),
        ("json_schema", '{"multipleOf": 1e999}', "expected value"),
        ("json_schema", json.dumps({"allOf": [{"pattern": f"a.{{{n}}}"} for n in range(20)]}), "pattern"),
        ("grammar", 'start: %json {"multipleOf": 99999999}', "%json"),
        ("grammar", "start: nothing", ""),
        ("grammar", "start: <|im_end|>", ""),
        ("grammar", "root ::= nothing", "neither a Lark grammar nor GBNF"),
        ("grammar", 'root ::= "a', "neither a Lark grammar nor GBNF"),
        ("grammar", "canary", "neither a Lark grammar nor GBNF"),
        ("grammar", 'start: "' + "a" * LONGEST + '"', "at most 65536 characters"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_the_librarys_reason(
    kind: Kind, text: str, reason: str
) -> None:
    error = await refusal(kind, text)
    assert reason in error.reason
    assert error.reason.startswith("cannot be honoured: ")
    assert len(error.reason) <= module.LONGEST_REASON + 20
    assert "\n" not in error.reason


@pytest.mark.parametrize("depth", [50, 5_000, 30_000])
@pytest.mark.parametrize(
    ("kind", "opening", "inner", "closing"),
    [
        ("regex", "(", "a", ")"),
        ("grammar", "start: (", '"a"', ")"),
        ("grammar", "root ::= (", '"a"', ")"),
        ("json_schema", '{"items":', "{}", "}"),
        ("json_schema", '{"anyOf":[', "{}", "]}"),
        ("json_schema", '{"not":', "{}", "}"),
    ],
)
async def test_no_depth_ends_the_process(
    kind: Kind, opening: str, inner: str, closing: str, depth: int
) -> None:
    head, repeated = ("", opening) if "(" not in opening[1:] else (opening[:-1], "(")
    text = head + repeated * depth + inner + closing * depth
    with suppress(InvalidRequestError):
        await Constraints().of(Constraint(kind, text, "field"))


async def test_what_is_known_to_compile_is_not_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    original = module._compiled

    def counted(kind: Kind, text: str) -> str:
        compiled.append(text)
        return original(kind, text)

    monkeypatch.setattr(module, "KEPT", 2)
    monkeypatch.setattr(module, "_compiled", counted)
    constraints = Constraints()
    for text in ("a", "b", "a", "c", "a", "b"):
        await constraints.of(Constraint("regex", text, "field"))
    assert compiled == ["a", "b", "c", "b"]
    answers: list[Any] = [await constraints.of(Constraint("regex", "a", field)) for field in ("one", "two")]
    assert answers[0] == answers[1]
