"""Hugging Face folders of the families' small models, as `save_pretrained` writes them, without PyTorch."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from models.checkpoint.vocabulary import byte_letters
from tests.families.tensors import make_tensors

DATA = Path(__file__).parent / "data" / "expected.json.gz"
PUBLISHED = Path(__file__).parent / "data" / "published.json"


@dataclass(frozen=True, slots=True)
class Expected:
    """What transformers said of one model: `greedy` behind `prompt`, and the first logits behind it."""

    config: dict[str, Any]
    shapes: dict[str, list[int]]
    prompt: list[int]
    greedy: list[int]
    logits: list[float]


def read_expected() -> dict[str, Expected]:
    """By the model's name in `configs.py`."""
    with gzip.open(DATA) as file:
        found = json.load(file)
    return {name: Expected(prompt=found["prompt"], **each) for name, each in found["models"].items()}


def read_published() -> dict[str, dict[str, Any]]:
    """Configurations in the fields of published checkpoints, by their names, small as those of `configs.py`.

    What transformers writes of them today differs: it renames fields, and adds those that are left out.
    """
    found: dict[str, dict[str, Any]] = json.loads(PUBLISHED.read_bytes())
    return found


def write_folder(folder: Path, expected: Expected) -> Path:
    """The model with its tensors, and a tokenizer of bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(expected.config))
    (folder / "tokenizer.json").write_text(json.dumps(byte_tokenizer(expected.config)))
    save_file(make_tensors(expected.shapes), folder / "model.safetensors", {"format": "pt"})
    return folder


def byte_tokenizer(config: dict[str, Any]) -> dict[str, Any]:
    """256 bytes, one merge and two special tokens, as GPT-2's tokenizer is written."""
    vocabulary = {letter: byte + 1 for letter, byte in byte_letters().items()}
    specials = ("<|endoftext|>", 0), ("<|im_end|>", 260)
    vocabulary |= {"ĠĠ": 257, "<|a|>": 258, "<|b|>": 259, **dict(specials)}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "model": {"type": "BPE", "vocab": vocabulary, "merges": ["Ġ Ġ"]},
        "pre_tokenizer": level,
        "decoder": level,
        "added_tokens": [{"id": i, "content": text, "special": True, **plain} for text, i in specials],
    }
