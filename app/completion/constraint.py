"""What a request's text must keep to, as a grammar that the engine follows (llguidance)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from app.completion.recently_used import RecentlyUsed
from app.completion.schema_cost import check_cost
from app.errors import InvalidRequestError
from app.model.grammar import compile_grammar, grammar_tokenizer

if TYPE_CHECKING:
    from llguidance import LLTokenizer

Kind = Literal["json_schema", "regex", "choice", "grammar"]

LONGEST = 65_536
"""Characters of a constraint."""

KEPT = 32
"""Grammars that are known to compile."""

LONGEST_REASON = 300
"""Characters of the library's reason that an answer repeats."""

WHITE_SPACE = r" |\n {0,20}"
"""Between JSON's marks, as pretty printers write it: without a bound, a small model writes nothing else."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A text's form.

    Attributes:
        kind: What `text` is: a JSON schema, a regular expression, a JSON list of the texts to choose from, or
            a grammar in llguidance's variant of Lark or in GBNF.
        field: Of the request, for errors.
    """

    kind: Kind
    text: str
    field: str


class Constraints:
    """Makes grammars of constraints, one by one in a thread, and remembers the newest."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "grammar")
        self._known: RecentlyUsed[tuple[Kind, str], str] = RecentlyUsed(KEPT)

    async def of(self, constraint: Constraint) -> str:
        """The grammar of what a constraint permits; see `Generation.grammar`.

        Raises:
            InvalidRequestError: It is malformed, too large, or asks for what cannot be honoured.
        """
        key = (constraint.kind, constraint.text)
        grammar = self._known.get(key)
        if grammar is None:
            try:
                grammar = await asyncio.get_running_loop().run_in_executor(self._thread, _compiled, *key)
            except ValueError as error:
                raise refusal(constraint, str(error)) from None
            self._known.keep(key, grammar)
        return grammar


def refusal(constraint: Constraint, reason: str) -> InvalidRequestError:
    """The error that says why a constraint cannot be honoured."""
    reason = " ".join(reason.split())[:LONGEST_REASON]
    return InvalidRequestError(constraint.field, f"cannot be honoured: {reason}")


def _compiled(kind: Kind, text: str) -> str:
    """The grammar, compiled once to see whether it can be.

    Raises:
        ValueError: It cannot; says why.
    """
    if len(text) > LONGEST:
        raise ValueError(f"at most {LONGEST} characters are accepted")
    grammar = json.dumps(FORMS[kind](text), ensure_ascii=False)
    compile_grammar(_bytes(), grammar)
    return grammar


@cache
def _bytes() -> LLTokenizer:
    """Tokens of a byte each: what a grammar costs hardly depends on them."""
    return grammar_tokenizer([bytes([byte]) for byte in range(256)])


def _schema(text: str) -> Mapping[str, Any]:
    try:
        schema = json.loads(text)
    except RecursionError:
        raise ValueError("too deeply nested") from None
    check_cost(schema)
    return {"json_schema": schema | {"x-guidance": {"whitespace_pattern": WHITE_SPACE}}}


def _regex(text: str) -> Mapping[str, Any]:
    from llguidance import LLMatcher

    (grammar,) = json.loads(LLMatcher.grammar_from_regex(text))["grammars"]
    return {"lark_grammar": grammar["lark_grammar"]}


def _choice(text: str) -> Mapping[str, Any]:
    written = [json.dumps(each, ensure_ascii=False) for each in json.loads(text)]
    return {"lark_grammar": "start: " + " | ".join(written)}


def _grammar(text: str) -> Mapping[str, Any]:
    from llguidance.gbnf_to_lark import any_to_lark

    if "%json" in text:
        raise ValueError("%json is not supported within a grammar")
    try:
        return {"lark_grammar": any_to_lark(text)}
    except Exception as error:  # the converter raises nothing narrower
        raise ValueError(f"neither a Lark grammar nor GBNF that can be converted to one: {error}") from None


FORMS: Mapping[Kind, Callable[[str], Mapping[str, Any]]] = {
    "json_schema": _schema,
    "regex": _regex,
    "choice": _choice,
    "grammar": _grammar,
}
