from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from models.checkpoint.vocabulary import Prefix, Vocabulary
from models.graphs.characters import character_table, put_spaces, split_characters
from models.graphs.merge_table import BYTES
from models.tflite.graph import Array

pytestmark = pytest.mark.slow

Compile = Callable[..., Callable[..., Array]]

CHARACTERS = {"é": 300, "你": 301, "😀": 302, "\u07ff": 303, "\u0800": 304, "\U0010ffff": 305}
TABLE = character_table(CHARACTERS)
PLAIN = Vocabulary((b"<x>",), (), frozenset(), digits=False, added=((b"<x>", 0),))
TOKEN = BYTES


def codes(text: bytes) -> Array:
    return np.frombuffer(text, np.uint8).astype(np.int32)


def test_characters_become_symbols_and_others_stay_bytes(compiled: Compile) -> None:
    run = compiled(lambda code: split_characters(code, TABLE, 0)[0], codes(b"a"))
    assert run(codes("aé你😀".encode())).tolist() == [ord("a"), 300, 301, 302]
    assert run(codes("\u07ff\u0800\U0010ffff\x7f".encode())).tolist() == [303, 304, 305, 0x7F]
    assert run(codes("è好€".encode())).tolist() == list("è好€".encode())
    assert run(codes("a▁ b".encode())).tolist() == list(b"a  b")
    assert run(codes(b"")).tolist() == []


def test_bytes_that_are_no_utf8_stay_as_they_are(compiled: Compile) -> None:
    run = compiled(lambda code: split_characters(code, TABLE, 0)[0], codes(b"a"))
    for text in (b"\xc3", b"\xc3a\xa9", b"\xe4\xbd", b"\xa0\xa0", b"\xc0\x80\xff", b"\xf0\x9f\x98"):
        assert run(codes(text)).tolist() == list(text)
    assert run(codes(b"\xc3\xa9\xa9")).tolist() == [300, 0xA9]


def test_an_added_token_is_a_symbol_already(compiled: Compile) -> None:
    run = compiled(lambda code: split_characters(code, TABLE, 1)[0], codes(b"a"))
    assert run(np.array([TOKEN, 0xC3, 0xA9, TOKEN], np.int32)).tolist() == [TOKEN, 300, TOKEN]


@pytest.mark.parametrize(
    ("prefix", "before_space", "text", "expected"),
    [
        ("none", True, [97, TOKEN, 98], [97, TOKEN, 98]),
        ("first", True, [97, TOKEN, 98], [32, 97, TOKEN, 98]),
        ("first", True, [TOKEN, 98], [TOKEN, 98]),
        ("first", True, [32, 97], [32, 32, 97]),
        ("first", False, [32, 97], [32, 97]),
        ("each", True, [97, TOKEN, 98, 98], [32, 97, TOKEN, 32, 98, 98]),
        ("each", True, [TOKEN, TOKEN, 98], [TOKEN, TOKEN, 32, 98]),
        ("each", True, [97, TOKEN], [32, 97, TOKEN]),
        ("each", False, [97, TOKEN, 32, 98], [32, 97, TOKEN, 32, 98]),
        ("each", True, [], []),
    ],
)
def test_a_space_is_put_before_a_text(
    compiled: Compile, prefix: Prefix, before_space: bool, text: list[int], expected: list[int]
) -> None:
    vocabulary = replace(PLAIN, prefix=prefix, prefix_before_space=before_space)
    run = compiled(lambda symbol: put_spaces(symbol, vocabulary), np.ones(1, np.int32))
    assert run(np.array(text, np.int32)).tolist() == expected
