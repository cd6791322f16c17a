"""Byte-pair encoding out of `tokenizer.json`, the file format of the `tokenizers` package."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.model.manifest import InfillRole
from models.checkpoint.architecture import Strip
from models.checkpoint.pattern import parse
from models.checkpoint.rules import DIGITS, GPT2, PUNCTUATION
from models.checkpoint.vocabulary import SPACE_MARK, Prefix, Vocabulary
from models.errors import SourceError
from models.sources.fields import Fields, read_json
from models.sources.infill_tokens import named_infill_tokens
from models.sources.tokenizer_settings import ENDS, chat_template, named_tokens, start_token, token_strips


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """What a model file needs to know of a tokenizer.

    Attributes:
        special_tokens: Ids by text, of the tokens that no text is made of.
        start_id: Stands before every prompt; None for nothing.
        named_tokens: Texts of tokens by the chat template's names for them.
        token_strips: Special tokens that take the white space on a side of them away.
        infill_tokens: Ids of the tokens for filling in the middle of a text, by what they stand for.
    """

    vocabulary: Vocabulary
    special_tokens: Mapping[str, int]
    chat_template: str | None
    start_id: int | None
    named_tokens: Mapping[str, str]
    token_strips: Mapping[str, Strip]
    infill_tokens: Mapping[InfillRole, int]

    def end_ids(self, declared: set[int]) -> tuple[int, ...]:
        """Tokens that end a text: those that the files name, and those that are called so."""
        ends = (*ENDS, self.named_tokens.get("eos_token"))
        named = {i for text, i in self.special_tokens.items() if text in ends}
        return tuple(sorted(named | declared))


def read_tokenizer(folder: Path, size: int) -> TokenizerFile:
    """Load `tokenizer.json`, and from beside it the chat template and whether a text has a start token.

    Args:
        folder: Of a Hugging Face checkpoint.
        size: Rows of the embedding; rows without a token get names of their own.

    Raises:
        SourceError: The file is missing or damaged, or the tokenizer is of another kind.
    """
    content = read_json(folder / "tokenizer.json")
    model = Fields(content.path, content.object("model"))
    listed = _objects(content, "added_tokens")
    added = {each.text("content"): each.get("id") for each in listed}
    infill = named_infill_tokens(added)
    special = {
        each.text("content"): each.get("id")
        for each in listed
        if each.get("special", False) or each.get("id") in infill.values()
    }
    tokens = {i: text for text, i in (dict(model.object("vocab")) | added).items()}
    outside = [i for i in tokens if not isinstance(i, int) or not 0 <= i < size]
    if outside:
        raise SourceError(f"{content.path}: token {outside[0]} is outside the embedding's {size} rows")
    unnamed = {i: f"<|unused {i}|>" for i in range(size) if i not in tokens}
    named = tokens | unnamed
    try:
        vocabulary = _vocabulary(
            content,
            [named[i] for i in range(size)],
            {*special.values(), *unnamed},
            {text: i for text, i in added.items() if text not in special},
        )
    except ValueError as error:
        raise SourceError(f"{content.path}: {error}") from None
    return TokenizerFile(
        vocabulary,
        special,
        chat_template(folder),
        start_token(folder, content, {text: i for i, text in tokens.items()}),
        named_tokens(folder),
        token_strips(each.values for each in listed),
        infill,
    )


def _vocabulary(
    content: Fields, tokens: Sequence[str], specials: set[int], added: Mapping[str, int]
) -> Vocabulary:
    model = Fields(content.path, content.object("model"))
    kind = model.get("type", "BPE")
    if kind != "BPE":
        raise SourceError(f"{content.path}: tokenizer {kind}; BPE is supported")
    merges = _merges(model)
    if model.get("byte_fallback", False):
        prefix, before_space = _prefix(content)
        return Vocabulary.from_characters(
            tokens, merges, specials, prefix=prefix, prefix_before_space=before_space, added=added
        )
    vocabulary = Vocabulary.from_letters(
        tokens,
        merges,
        specials,
        **_split(content),
        whole_words=bool(model.get("ignore_merges", False)),
        nfc=_nfc(content),
        added=added,
    )
    for pattern in vocabulary.patterns:
        parse(pattern)
    return vocabulary


def _prefix(content: Fields) -> tuple[Prefix, bool]:
    """Where a space is put before a text, and whether before a space; refuses what is not SentencePiece's."""
    steps = [*_steps(content, "normalizer"), *_steps(content, "pre_tokenizer")]
    found: tuple[Prefix, bool] = "none", True
    escaped = False
    for step in steps:
        kind = step.get("type")
        if kind == "Prepend" and step.text("prepend") == SPACE_MARK:
            found = "each", True
        elif kind == "Replace" and step.object("pattern") == {"String": " "}:
            escaped = step.text("content") == SPACE_MARK
        elif kind == "Metaspace" and not step.get("split", True):
            escaped = step.text("replacement") == SPACE_MARK
            found = _SCHEMES[step.text("prepend_scheme", "always")], False
        elif not (kind == "Split" and step.object("pattern") == {"String": " "} and escaped):
            escaped = False
            break
    if not escaped:
        named = "+".join(str(step.get("type")) for step in steps) or "no normalizer"
        raise SourceError(
            f"{content.path}: BPE with byte fallback and {named}; SentencePiece's are supported"
        )
    return found


_SCHEMES: Mapping[str, Prefix] = {"never": "none", "first": "first", "always": "each"}


def _steps(content: Fields, name: str) -> list[Fields]:
    """A normalizer or pre-tokenizer as the list of what it is made of."""
    step = Fields(content.path, content.object(name))
    parts = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers"}[name]
    if not step.values:
        return []
    return _objects(step, parts) if step.get("type") == "Sequence" else [step]


def _nfc(content: Fields) -> bool:
    """Whether texts are normalized; refuses other normalizers."""
    kinds = [step.get("type") for step in _steps(content, "normalizer")]
    if kinds not in ([], ["NFC"]):
        raise SourceError(
            f"{content.path}: uses the normalizer {'+'.join(map(str, kinds))}, which is not supported"
        )
    return bool(kinds)


def _split(content: Fields) -> dict[str, Any]:
    """How texts are parted into words: `digits` or `patterns` of Vocabulary.from_letters."""
    steps = _steps(content, "pre_tokenizer")
    kinds = [step.get("type") for step in steps]
    level = steps[-1] if steps else Fields(content.path, {})
    if level.get("type", None) != "ByteLevel" or level.get("add_prefix_space", False):
        named = "+".join(map(str, kinds)) or "none"
        raise SourceError(f"{content.path}: pre-tokenizer {named}; those that end in ByteLevel are supported")
    by_rule = level.get("use_regex", True)
    if by_rule and kinds == ["ByteLevel"]:
        return {"digits": False}
    if by_rule and kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits", False):
        return {"digits": True}
    patterns = [_pattern(step) for step in steps[:-1]] + [GPT2] * by_rule
    if not patterns:
        raise SourceError(f"{content.path}: pre-tokenizer ByteLevel without a pattern; not supported")
    return {"patterns": patterns}


def _pattern(step: Fields) -> str:
    """The regular expression of one step."""
    kind, behavior = step.get("type"), step.get("behavior", "Isolated")
    if kind == "Digits":
        return DIGITS if step.get("individual_digits", False) else f"{DIGITS}+"
    if kind == "Punctuation" and behavior in ("Isolated", "Contiguous"):
        return PUNCTUATION if behavior == "Isolated" else f"{PUNCTUATION}+"
    isolated = behavior == ("Removed" if step.get("invert", False) else "Isolated")
    pattern = step.object("pattern")
    if kind == "Split" and isolated and "Regex" in pattern:
        return str(pattern["Regex"])
    if kind == "Split" and isolated and "String" in pattern:
        return re.escape(str(pattern["String"]))
    raise SourceError(f"{step.path}: pre-tokenizer {kind} with the behavior {behavior}; not supported")


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
