"""The `tokenizers` package over a vocabulary of ours, and texts to compare with it."""

from __future__ import annotations

import random
import textwrap
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence

from models.vocabulary import Vocabulary, byte_letters

LETTER_OF = {byte: letter for letter, byte in byte_letters().items()}

FIXED = [
    *(
        "",
        " ",
        "  ",
        "\n",
        "a",
        "\0",
        "a\0b",
        "a\0",
        "'",
        "''s",
        " 's",
        "\n's",
        "1's",
        "x'sllama",
        "'s's 'll",
    ),
    *("it's we'll they've I'm he'd can't you're", "'S 'LL 're've", "12 345  6", "v1.2.3-rc4", "end   "),
    *("a  b   c", "a\n\n  b\t c  ", "\u3000\u3000x", "a\u00a0\u00a0b", "x \u2003 y", "e\u0301 a\u0308\u0323"),
    *(
        "مرحبا بالعالم",
        "你好，世界。",
        "नमस्ते दुनिया",
        "👨\u200d👩\u200d👧 😀🇩🇪",
        "½ ① ١٢ Ⅷ 三",
        "\uffff\U0010ffff",
    ),
    *(
        "a" * 1000,
        "a" * 999,
        " " * 1000,
        "=" * 77,
        "\n" * 33,
        "\t\t\t\tif x:",
        "\U00011de1\U00011de2 \U00016ff5",
    ),
]
ALPHABETS = [
    *(
        "abc '",
        "aA1 \n'.,st",
        " \t\n\u00a0\u3000x1.",
        "'stmdrevl lx1! ",
        "0123456789 ",
        "مرحب ا,1",
        "你好世界 ，1a",
    ),
    *("नमस्ते a'1", "e\u0301\u0308 \u200d👨😀x", "aab", "in the", "-=*# \n"),
]


def oracle(vocabulary: Vocabulary) -> Tokenizer:
    """The same vocabulary in the reference implementation."""

    def letters(token: bytes) -> str:
        return "".join(LETTER_OF[byte] for byte in token)

    ids = {letters(token): i for i, token in enumerate(vocabulary.tokens) if i not in vocabulary.specials}
    tokenizer = Tokenizer(BPE(ids, [(letters(left), letters(right)) for left, right in vocabulary.merges]))
    tokenizer.pre_tokenizer = pre_tokenizer(digits=vocabulary.digits)
    return tokenizer


def pre_tokenizer(*, digits: bool) -> Any:
    """GPT-2's, behind a splitter of digits if wanted."""
    level = ByteLevel(add_prefix_space=False)
    return Sequence([Digits(individual_digits=True), level]) if digits else level


def sample_texts(count: int) -> list[str]:
    """Hand-picked texts, pieces of Python source, mixtures that try the rules' edges, any code points."""
    rng = random.Random(1)
    source = Path(textwrap.__file__).read_text(encoding="utf-8")
    texts = list(FIXED)
    while len(texts) < count:
        at = rng.randrange(len(source))
        texts.append(source[at : at + rng.choice([5, 20, 80, 200])])
        for _ in range(3):
            alphabet = rng.choice(ALPHABETS)
            texts.append("".join(rng.choice(alphabet) for _ in range(rng.randrange(60))))
        points = (rng.randrange(rng.choice([0x80, 0x3000, 0x110000])) for _ in range(rng.randrange(40)))
        texts.append("".join(chr(point) for point in points if not 0xD800 <= point < 0xE000))
    return texts
