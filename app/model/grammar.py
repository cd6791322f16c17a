"""Grammars in llguidance's form: what a text must match, and what one may cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLParserLimits, LLTokenizer

OPTIONS = '%llguidance {"no_forcing": true}\n'
"""The model chooses among all tokens that fit, also where the grammar leaves one text only."""


def complete_grammar(answer: str, beginning: str = "") -> str:
    """The grammar of a whole text.

    Args:
        answer: The grammar behind the beginning: a JSON object with a `lark_grammar` or a `json_schema`.
        beginning: What the text begins with.
    """
    start = f"start: {json.dumps(beginning, ensure_ascii=False)} @answer" if beginning else "start: @answer"
    first = json.dumps({"lark_grammar": OPTIONS + start}, ensure_ascii=False)
    return f'{{"grammars": [{first}, {{"name": "answer", {answer[1:]}]}}'


def grammar_limits() -> LLParserLimits:
    """What compiling a grammar and looking for the next tokens may cost: tens of milliseconds, megabytes."""
    from llguidance import LLParserLimits

    return LLParserLimits(
        initial_lexer_fuel=1_000_000,
        step_lexer_fuel=200_000,
        max_lexer_states=20_000,
        max_grammar_size=100_000,
        verbose_errors=False,
    )


def grammar_tokenizer(pieces: Sequence[bytes]) -> LLTokenizer:
    """Tokens as llguidance knows them, by their bytes; behind them one that only ends a text."""
    from llguidance import LLTokenizer, TokenizerWrapper

    return LLTokenizer(TokenizerWrapper(_Tokens(pieces)))


class _Tokens:
    """What llguidance asks of a tokenizer."""

    bos_token_id = None

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.tokens = [*pieces, b""]
        self.eos_token_id = len(pieces)

    def __call__(self, text: str | bytes) -> list[int]:
        """Asked only where a grammar forces tokens, which none does (`OPTIONS`)."""
        raise NotImplementedError


def compile_grammar(tokenizer: LLTokenizer, answer: str, beginning: str = "") -> LLMatcher:
    """A matcher of texts that begin so and go on as a grammar says; see `complete_grammar`.

    Raises:
        ValueError: The grammar is malformed, asks for what llguidance does not do, or costs too much.
    """
    from llguidance import LLMatcher

    whole = complete_grammar(answer, beginning)
    matcher = LLMatcher(tokenizer, whole, log_level=0, limits=grammar_limits())
    check_matcher(matcher)
    return matcher


def check_matcher(matcher: LLMatcher) -> None:
    """See that a matcher can go on.

    Raises:
        ValueError: It cannot; says why in one line.
    """
    if matcher.is_error():
        reason = matcher.get_error().partition("\n")[0]
        raise ValueError("no text matches" if reason.startswith("NoExtension") else reason)
