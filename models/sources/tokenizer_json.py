"""Byte-level BPE out of `tokenizer.json`, the file format of the `tokenizers` package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.checkpoint.vocabulary import Vocabulary
from models.errors import SourceError
from models.sources.fields import Fields, read_json

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
    content = read_json(folder / "tokenizer.json")
    model, digits = Fields(content.path, content.object("model")), _digits(content)
    special = {each.text("content"): each.get("id") for each in _objects(content, "added_tokens")}
    tokens = {i: text for text, i in (dict(model.object("vocab")) | special).items()}
    outside = [i for i in tokens if not isinstance(i, int) or not 0 <= i < size]
    if outside:
        raise SourceError(f"{content.path}: token {outside[0]} is outside the embedding's {size} rows")
    unnamed = {i: f"<|unused {i}|>" for i in range(size) if i not in tokens}
    listed = [(tokens | unnamed)[i] for i in range(size)]
    try:
        specials = {*special.values(), *unnamed}
        vocabulary = Vocabulary.from_letters(listed, _merges(model), specials, digits=digits)
    except ValueError as error:
        raise SourceError(f"{content.path}: {error}") from None
    return TokenizerFile(vocabulary, special, _chat_template(folder))


def _digits(content: Fields) -> bool:
    """Whether digits stand alone; refuses what is not GPT-2's rule."""
    model, normalizer = content.object("model"), content.object("normalizer")
    if model.get("type") != "BPE" or model.get("byte_fallback"):
        kind = "BPE with byte fallback" if model.get("byte_fallback") else model.get("type")
        raise SourceError(f"{content.path}: tokenizer {kind}; byte-level BPE is supported")
    content.refuse(
        {
            f"the normalizer {normalizer.get('type')}": bool(normalizer),
            "ignore_merges": bool(model.get("ignore_merges")),
        }
    )
    pre = Fields(content.path, content.object("pre_tokenizer"))
    sequence = pre.get("type", None) == "Sequence"
    steps = [step.values for step in _objects(pre, "pretokenizers")] if sequence else [pre.values]
    kinds = [step.get("type") for step in steps]
    plain = bool(steps) and steps[-1].get("use_regex", True) and not steps[-1].get("add_prefix_space")
    if plain and kinds == ["ByteLevel"]:
        return False
    if plain and kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
        return True
    raise SourceError(
        f"{content.path}: pre-tokenizer {'+'.join(map(str, kinds))}; GPT-2's and SmolLM2's are supported"
    )


def _objects(fields: Fields, name: str) -> list[Fields]:
    """A list of JSON objects; empty where there is none."""
    found = fields.get(name, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise SourceError(f"{fields.path}: {name} is no list of objects")
    return [Fields(fields.path, item) for item in found]


def _merges(model: Fields) -> list[Sequence[str]]:
    """Pairs, however the file writes them: `"a b"` or `["a", "b"]`."""
    merges: Any = model.get("merges")
    if not isinstance(merges, list):
        raise SourceError(f"{model.path}: merges is {merges!r:.40}, expected a list")
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
    if not all(isinstance(pair, list) and [type(part) for part in pair] == [str, str] for pair in pairs):
        raise ValueError("a merge is no pair of texts")
    return pairs


def _chat_template(folder: Path) -> str | None:
    apart, settings = folder / "chat_template.jinja", folder / "tokenizer_config.json"
    if apart.exists():
        return apart.read_text(encoding="utf-8")
    template = read_json(settings).get("chat_template", None) if settings.exists() else None
    return template if isinstance(template, str) else None
