from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from models.graphs.added_tokens import replace_added, token_trie
from models.graphs.merge_table import BYTES
from models.tflite.graph import Array

Compile = Callable[..., Callable[..., Array]]


def codes(text: bytes) -> Array:
    return np.frombuffer(text, np.uint8).astype(np.int32)


def compile_search(compiled: Compile, tokens: Sequence[bytes]) -> Callable[[bytes], list[bytes | int]]:
    """Bytes and numbers of tokens in their place."""
    trie = token_trie(tokens)
    run = compiled(lambda code: replace_added(code, trie), codes(b"a"))

    def search(text: bytes) -> list[bytes | int]:
        found = run(codes(text)).tolist()
        return [bytes([code]) if code < BYTES else code - BYTES for code in found]

    return search


def searched(text: bytes, tokens: Sequence[bytes]) -> list[bytes | int]:
    """Left to right, the longest first."""
    found: list[bytes | int] = []
    at = 0
    while at < len(text):
        here = [token for token in tokens if text.startswith(token, at)]
        longest = max(here, key=len, default=b"")
        found.append(tokens.index(longest) if here else text[at : at + 1])
        at += len(longest) or 1
    return found


def test_the_longest_of_the_leftmost_is_found(compiled: Compile) -> None:
    search = compile_search(compiled, [b"\n", b"\n\n", b"\n\n\n", b"<a>", b"a>b"])
    assert search(b"x\n\n\n\n\ny") == [b"x", 2, 1, b"y"]
    assert search(b"<a>b") == [3, b"b"]
    assert search(b"<<a>a>b") == [b"<", 3, 4]
    assert search(b"<a") == [b"<", b"a"]
    assert search(b"\n") == [0]
    assert search(b"") == []


@pytest.mark.parametrize("alphabet", [b"ab", b"abc", b"a\n<>"])
def test_any_text_and_tokens(compiled: Compile, alphabet: bytes) -> None:
    rng = random.Random(alphabet)
    for _ in range(6):
        tokens = list({bytes(rng.choices(alphabet, k=rng.randrange(1, 5))) for _ in range(5)})
        search = compile_search(compiled, tokens)
        for length in (1, 5, 40, 300):
            text = bytes(rng.choices(alphabet, k=length))
            assert search(text) == searched(text, tokens)


def test_a_run_longer_than_the_longest_token_is_cut_from_its_start(compiled: Compile) -> None:
    search = compile_search(compiled, [b" " * length for length in range(2, 32)])
    assert search(b"a" + b" " * 1000 + b"b") == [b"a", *[29] * 32, 6, b"b"]
