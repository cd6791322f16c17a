"""Compares a built file with the checkpoint it came from: token ids, then greedy text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.engine.local import complete_greedily
from app.manifest import Manifest, read_manifest, verify_file
from app.text import open_text_model
from models.architecture import Checkpoint
from models.oracle import make_oracle
from models.progress import Stages
from models.reference import Reference
from models.sources import default_checkpoint, read_checkpoint

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
CONTINUED = 32


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the file and its source agree; `tokens_equal` counts up to each prompt's first difference."""

    texts: int
    texts_equal: int
    prompts: int
    prompts_equal: int
    tokens: int
    tokens_equal: int


def verify(path: Path, source: Path | None, texts: int, stages: Stages) -> Agreement:
    """Compare `texts` strings and the 20 prompts.

    Raises:
        ModelRefusedError: The file is not the manifest's.
        SourceError: The checkpoint cannot be read.
    """
    manifest = read_manifest(path)
    verify_file(path, manifest)
    with stages.stage("Read the weights"):
        checkpoint = (
            default_checkpoint(path.parent / "downloads") if source is None else read_checkpoint(source)
        )
    with stages.stage("Compare token ids"):
        tokenizer = open_text_model(path, path.parent / "text_ops", "litert")
        oracle = make_oracle(checkpoint.vocabulary)
        strings = sample_texts(texts)
        same = sum(tokenizer.tokenize(text) == oracle.encode(text).ids for text in strings)
    with stages.stage("Compare greedy text"):
        prompts = [oracle.encode(prompt).ids for prompt in PROMPTS]
        found = _greedy(path, manifest, prompts)
        wanted = _reference(checkpoint, prompts)
    equal = [_common(a, b) for a, b in zip(found, wanted, strict=True)]
    return Agreement(
        texts=len(strings),
        texts_equal=same,
        prompts=len(prompts),
        prompts_equal=sum(a == b for a, b in zip(found, wanted, strict=True)),
        tokens=sum(map(len, wanted)),
        tokens_equal=sum(equal),
    )


def _greedy(path: Path, manifest: Manifest, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    return complete_greedily(path, manifest, prompts, CONTINUED)


def _reference(checkpoint: Checkpoint, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
    reference = Reference(checkpoint)
    return [reference.greedy(prompt, CONTINUED, checkpoint.end_ids) for prompt in prompts]


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    differs = np.flatnonzero([x != y for x, y in zip(a, b, strict=False)])
    return int(differs[0]) if len(differs) else min(len(a), len(b))


def sample_texts(count: int, seed: int = 1) -> list[str]:
    """Texts of every kind: languages, emoji, white space, code, digits, long runs, any code point."""
    rng = random.Random(seed)
    alphabets = (
        "abc '", "aA1 \n'.,st", " \t\n\u00a0\u3000x1.", "'stmdrevl lx1! ", "0123456789 ", "مرحب ا,1",
        "你好世界 ，1a", "नमस्ते a'1", "é̈ \u200d👨😀🇩🇪x", "aab", "in the", "-=*# \n", "Привет, мир ",
        "{}[]();:=<>_\n    def return", "ßäöü ñç øåæ", "日本語テキスト。", "한국어 텍스트",
    )  # fmt: skip
    texts = [
        "",
        " ",
        "\n",
        "\0",
        "a\0b",
        "a" * 1000,
        " " * 1000,
        "it's we'll they've",
        "\uffff\U0010ffff",
        *PROMPTS,
    ]
    while len(texts) < count:
        if rng.random() < 0.7:
            alphabet = rng.choice(alphabets)
            texts.append("".join(rng.choice(alphabet) for _ in range(rng.randrange(80))))
        else:
            limit = rng.choice([0x80, 0x3000, 0x110000])
            points = (rng.randrange(limit) for _ in range(rng.randrange(40)))
            texts.append("".join(chr(p) for p in points if not 0xD800 <= p < 0xE000))
    return texts
