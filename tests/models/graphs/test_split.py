from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from tokenizers import Regex, pre_tokenizers

from models.checkpoint.rules import (
    BLOOM,
    DEEPSEEK,
    DEEPSEEK_CODER,
    DIGITS,
    FALCON,
    GPT2,
    LLAMA3,
    O200K,
    PUNCTUATION,
    QWEN2,
    QWEN35,
    TEKKEN,
)
from models.evaluation.samples import sample_texts
from models.graphs.split import BYTES, split_words
from models.tflite.graph import Array

pytestmark = pytest.mark.slow

Compile = Callable[..., Callable[..., Array]]

RULES = {
    "gpt2": (GPT2,),
    "digits": (DIGITS, GPT2),
    "llama3": (LLAMA3,),
    "qwen2": (QWEN2,),
    "qwen35": (QWEN35,),
    "o200k": (O200K,),
    "tekken": (TEKKEN,),
    "deepseek": DEEPSEEK,
    "deepseek-coder": DEEPSEEK_CODER,
    "falcon": FALCON,
    "bloom": (BLOOM,),
    "punctuation": (f"{PUNCTUATION}+", r"\p{N}{2}"),
    "possessive": (r"[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",),
    "gaps": (r"a+b|x(?=y)|q{1,2}r",),
}


def codes(text: bytes) -> Array:
    return np.frombuffer(text, np.uint8).astype(np.int32)


def compile_splitter(compiled: Compile, patterns: tuple[str, ...]) -> Callable[[Array], list[list[int]]]:
    number = compiled(lambda code: split_words(code, patterns), codes(b"a"))

    def split(code: Array) -> list[list[int]]:
        pairs = zip(number(code).tolist(), code.tolist(), strict=True)
        return [
            [byte for _, byte in group] for _, group in itertools.groupby(pairs, key=lambda pair: pair[0])
        ]

    return split


@pytest.mark.parametrize("name", RULES)
def test_words_are_the_oracles(compiled: Compile, name: str) -> None:
    split = compile_splitter(compiled, RULES[name])
    reference = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in RULES[name]]
    )
    for text in (*sample_texts(500), "aaab abx xy xz qqqr qr q", "DON'T we'Re O'Neil's ǅungla ʰi"):
        words = [list(word.encode()) for word, _ in reference.pre_tokenize_str(text)]
        assert split(codes(text.encode())) == words


def test_words_are_numbered_from_one_and_stray_bytes_before_are_zero(compiled: Compile) -> None:
    number = compiled(lambda code: split_words(code, (LLAMA3,)), codes(b"a"))
    assert number(codes(b"an ox!")).tolist() == [1, 1, 2, 2, 2, 3]
    assert number(codes(b"\x80\xbfa")).tolist() == [0, 0, 1]
    assert number(codes(b"")).tolist() == []


@pytest.mark.parametrize("patterns", [(LLAMA3,), (r"\p{N}", GPT2), DEEPSEEK])
def test_an_added_token_is_a_word_between_two_texts(compiled: Compile, patterns: tuple[str, ...]) -> None:
    split = compile_splitter(compiled, patterns)
    token = BYTES + 3
    text = [*b"it  ", token, *b"'s", token, token, *b" a"]
    found = split(np.array(text, np.int32))
    assert found == [[*b"it"], [*b"  "], [token], [*b"'s"], [token], [token], [*b" a"]]
