"""Texts to compare with: prompts to continue, and texts of every kind for a tokenizer."""

from __future__ import annotations

import random
import textwrap
from pathlib import Path

PROMPTS = (
    "The quick brown fox",
    "Once upon a time, in a village by the sea,",
    "The capital of France is",
    "def fibonacci(n):\n    ",
    "Dear customer, thank you for",
    "Water boils at",
    "The most important thing about learning a language is",
    "In 1969, two astronauts",
    "To make a good cup of tea, first",
    "The difference between a virus and a bacterium is",
    "import numpy as np\n\n# Compute the mean of each row\n",
    "She opened the door and saw",
    "Photosynthesis is the process by which",
    "The meeting will take place on",
    "A prime number is a number that",
    "Please find attached",
    "The sun rises in the",
    "Machine learning models are trained by",
    "I'm enjoying a",
    "Q: What is the largest planet?\nA:",
)

FIXED = (
    "", " ", "  ", "\n", "a", "\0", "a\0b", "a\0", "'", "''s", " 's", "\n's", "1's", "x'sllama", "'s's 'll",
    "it's we'll they've I'm he'd can't you're", "'S 'LL 're've", "12 345  6", "v1.2.3-rc4", "end   ",
    "a  b   c", "a\n\n  b\t c  ", "\u3000\u3000x", "a\u00a0\u00a0b", "x \u2003 y", "e\u0301 a\u0308\u0323",
    "مرحبا بالعالم", "你好，世界。", "नमस्ते दुनिया", "👨\u200d👩\u200d👧 😀🇩🇪", "½ ① ١٢ Ⅷ 三",
    "\uffff\U0010ffff",
    "a" * 1000, "a" * 999, " " * 1000, "=" * 77, "\n" * 33, "\t\t\t\tif x:",
    "\U00011de1\U00011de2 \U00016ff5",
)  # fmt: skip
"""The edges of the rules."""

ALPHABETS = (
    "abc '", "aA1 \n'.,st", " \t\n\u00a0\u3000x1.", "'stmdrevl lx1! ", "0123456789 ", "مرحب ا,1",
    "你好世界 ，1a", "नमस्ते a'1", "e\u0301\u0308 \u200d👨😀🇩🇪x", "aab", "in the", "-=*# \n", "Привет, мир ",
    "{}[]();:=<>_\n    def return", "ßäöü ñç éøåæ", "日本語テキスト。", "한국어 텍스트",
)  # fmt: skip


def sample_texts(count: int, seed: int = 1) -> list[str]:
    """The fixed texts, prompts, pieces of Python source, mixtures of one alphabet and any code points."""
    rng = random.Random(seed)
    source = Path(textwrap.__file__).read_text(encoding="utf-8")
    texts = [*PROMPTS, *FIXED]
    while len(texts) < count:
        at = rng.randrange(len(source))
        texts.append(source[at : at + rng.choice([5, 20, 80, 200])])
        for _ in range(3):
            alphabet = rng.choice(ALPHABETS)
            texts.append("".join(rng.choice(alphabet) for _ in range(rng.randrange(80))))
        limit = rng.choice([0x80, 0x3000, 0x110000])
        points = (rng.randrange(limit) for _ in range(rng.randrange(40)))
        texts.append("".join(chr(point) for point in points if not 0xD800 <= point < 0xE000))
    return texts[:count]
