"""Byte-level BPE out of `tokenizer.json`, the file format of the `tokenizers` package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import SourceError
from models.vocabulary import Vocabulary

ENDS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "</s>")
"""Texts of tokens that end a text or a turn."""


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """What a model file needs to know of a tokenizer; special tokens by text."""

    vocabulary: Vocabulary
    special_tokens: Mapping[str, int]
    chat_template: str | None

    def end_ids(self, declared: set[int]) -> tuple[int, ...]:
        """Tokens that end a text: those that the model names, and those that are called so."""
        named = {i for text, i in self.special_tokens.items() if text in ENDS}
        return tuple(sorted(named | declared))


def read_tokenizer(folder: Path, size: int) -> TokenizerFile:
    """Load `tokenizer.json`, and the chat template from where it stands.

    Args:
        folder: Of a Hugging Face checkpoint.
        size: Rows of the embedding; rows without a token get names of their own.

    Raises:
        SourceError: The file is missing or damaged, or the tokenizer is of another kind.
    """
    path = folder / "tokenizer.json"
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: not readable: {error}") from None
    digits = _digits(path, content)
    model = content["model"]
    tokens = {i: text for text, i in model["vocab"].items()}
    special = {added["content"]: added["id"] for added in content.get("added_tokens", [])}
    tokens |= {i: text for text, i in special.items()}
    if max(tokens) >= size:
        raise SourceError(f"{path}: token {max(tokens)} is outside the embedding's {size} rows")
    unnamed = {i: f"<|unused {i}|>" for i in range(size) if i not in tokens}
    listed = [(tokens | unnamed)[i] for i in range(size)]
    merges = [tuple(merge.split(" ") if isinstance(merge, str) else merge) for merge in model["merges"]]
    try:
        specials = {*special.values(), *unnamed}
        vocabulary = Vocabulary.from_letters(listed, merges, specials, digits=digits)
    except ValueError as error:
        raise SourceError(f"{path}: {error}") from None
    return TokenizerFile(vocabulary, special, _chat_template(folder))


def _digits(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether digits stand alone; refuses what is not GPT-2's rule."""
    model, normalizer = content.get("model") or {}, content.get("normalizer")
    if model.get("type") != "BPE" or model.get("byte_fallback"):
        kind = "BPE with byte fallback" if model.get("byte_fallback") else model.get("type")
        raise SourceError(f"{path}: tokenizer {kind}; byte-level BPE is supported")
    if normalizer is not None:
        raise SourceError(f"{path}: uses the normalizer {normalizer.get('type')}, which is not supported")
    if model.get("ignore_merges"):
        raise SourceError(f"{path}: uses ignore_merges, which is not supported")
    pre = content.get("pre_tokenizer") or {}
    steps = pre.get("pretokenizers", []) if pre.get("type") == "Sequence" else [pre]
    kinds = [step.get("type") for step in steps]
    plain = bool(steps) and steps[-1].get("use_regex", True) and not steps[-1].get("add_prefix_space")
    if plain and kinds == ["ByteLevel"]:
        return False
    if plain and kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
        return True
    raise SourceError(
        f"{path}: pre-tokenizer {'+'.join(map(str, kinds))}; GPT-2's and SmolLM2's are supported"
    )


def _chat_template(folder: Path) -> str | None:
    apart, settings = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    if apart.exists():
        return apart.read_text(encoding="utf-8")
    if not settings.exists():
        return None
    template = json.loads(settings.read_bytes()).get("chat_template")
    return template if isinstance(template, str) else None
