"""Token ids of texts, and the texts of those: JSON in, JSON out. Run on both processors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from app.model.tokenizer import open_text_model


def main() -> None:
    """Read texts from standard input; print ids, and whether they stand for the texts."""
    model = Path(sys.argv[1])
    tokenizer = open_text_model(model, model.parent / "text_ops", "litert")
    ids = [tokenizer.tokenize(text) for text in json.load(sys.stdin)]
    print(json.dumps([[numbers, tokenizer.detokenize(numbers).hex()] for numbers in ids]))


if __name__ == "__main__":
    main()
