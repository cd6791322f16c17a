"""Masks beside a slow reading of the same grammar: every token, tried one by one."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import regex

from app.engine.batch import grammar as module
from app.engine.batch.grammar import Grammars, Matcher
from app.engine.counters import Counters
from app.model.vocabulary import Vocabulary

PIECES = [
    b"",
    *(bytes([byte]) for byte in range(256)),
    b"ab",
    b"abc",
    b" a",
    b" ab",
    b"12",
    b"-1",
    b'{"',
    b'":',
]
ENDS = np.array([0, PIECES.index(b"a")], np.int32)
"""Ids that end a text: one without bytes, and a letter."""

PATTERNS = ("(ab|abc)*", " ?[abc]{2,4}(-[0-9]+)?", "a", "(yes|no|yesterday)?", "é+")


def lark(text: str) -> str:
    return json.dumps({"lark_grammar": text})


def opened(grammar: str, typed: bytes = b"", counters: Counters | None = None) -> Matcher:
    return Grammars(Vocabulary.of(PIECES), counters or Counters()).open(grammar, typed).result()


def begins(pattern: str, text: bytes) -> bool:
    """Whether a text that matches begins so; it may end inside an `é`."""
    whole = text.removesuffix("é".encode()[:1])
    try:
        return regex.fullmatch(pattern, whole.decode() + "é" * (whole != text), partial=True) is not None
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("typed", ["", "ab", " a"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_token_is_permitted_where_a_match_goes_on_with_it(pattern: str, typed: str) -> None:
    rng = np.random.Generator(np.random.PCG64(len(pattern)))
    matcher = opened(lark(f"start: /{pattern}/"), typed.encode())
    text, whole = b"", regex.escape(typed) + f"(?:{pattern})"
    for _ in range(6):
        expected = [n for n, piece in enumerate(PIECES) if piece and begins(whole, text + piece)]
        ends = regex.fullmatch(whole, text.decode(errors="replace")) is not None
        found = matcher.permitted(ENDS)
        assert sorted(found.tolist()) == sorted({*expected, *(ENDS.tolist() if ends else [])})
        assert matcher.complete == (ends and not expected)
        if not expected:
            break
        token = int(rng.choice(expected))
        assert matcher.permits([token])
        matcher.take(token)
        text += PIECES[token]


def test_some_ids_are_told_from_the_others() -> None:
    matcher = opened(lark('start: "ab" | "12"'))
    ids = np.array([PIECES.index(piece) for piece in (b"a", b"b", b"ab", b"12")], np.int32)
    assert matcher.among(ids).tolist() == [ids[0], ids[2], ids[3]]
    assert matcher.without(ids).tolist() == [ids[1]]


def test_tokens_are_permitted_one_behind_the_other() -> None:
    matcher = opened(lark('start: "ab12"'))
    ab, twelve = PIECES.index(b"ab"), PIECES.index(b"12")
    assert matcher.permits([ab, twelve])
    assert not matcher.permits([ab, ab])
    assert matcher.permits([ab])  # it has taken none of them


def test_a_token_that_is_not_permitted_ends_it_with_an_error() -> None:
    matcher = opened(lark('start: "ab"'))
    with pytest.raises(ValueError, match=r"\w"):
        matcher.take(PIECES.index(b"12"))


def test_a_grammar_that_matches_nothing_but_an_empty_text_is_complete_at_once() -> None:
    assert opened(lark('start: ""')).complete


@pytest.mark.parametrize(
    "grammar",
    [
        lark("start: nothing"),
        lark("start: /(/"),
        lark("start: <|im_end|>"),
        json.dumps({"json_schema": {"not": {}}}),
        json.dumps({"json_schema": {"$ref": "#"}}),
    ],
)
def test_what_cannot_be_compiled_says_why(grammar: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        opened(grammar)


def test_looks_are_counted_with_their_time() -> None:
    counters = Counters()
    matcher = opened(lark('start: "ab12"'), counters=counters)
    for piece in (b"ab", b"12"):
        matcher.take(PIECES.index(piece))
    assert matcher.complete
    assert counters.masks == 2
    assert counters.mask_seconds > 0


def test_the_newest_grammars_stay_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    original = Grammars._compile

    def counted(self: Grammars, grammar: str, typed: bytes) -> Any:
        compiled.append(grammar)
        return original(self, grammar, typed)

    monkeypatch.setattr(module, "KEPT", 2)
    monkeypatch.setattr(Grammars, "_compile", counted)
    grammars = Grammars(Vocabulary.of(PIECES), Counters())
    one, two, three = (lark(f'start: "{text}"') for text in ("a", "b", "c"))
    for grammar in (one, two, one, three, one, two):
        grammars.open(grammar, b"").result()
    assert compiled == [one, two, three, two]


def test_texts_of_one_grammar_do_not_disturb_each_other() -> None:
    grammars = Grammars(Vocabulary.of(PIECES), Counters())
    first, second = (grammars.open(lark('start: "ab12"'), b"").result() for _ in range(2))
    first.take(PIECES.index(b"ab"))
    assert second.permits([PIECES.index(b"ab"), PIECES.index(b"12")])
    assert first.permits([PIECES.index(b"12")])


def test_tokens_with_the_same_bytes_are_all_permitted() -> None:
    vocabulary = Vocabulary.of([*PIECES, b"ab"])
    matcher = Grammars(vocabulary, Counters()).open(lark('start: "ab"'), b"").result()
    permitted = matcher.permitted(ENDS).tolist()
    assert {PIECES.index(b"ab"), len(PIECES)} < set(permitted)
