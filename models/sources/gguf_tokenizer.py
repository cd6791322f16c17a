"""Vocabularies of GGUF files: byte-level BPE with its merges, SentencePiece's with its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.model.manifest import InfillRole
from models.checkpoint.rules import RULES, Rule
from models.checkpoint.vocabulary import SPACE_MARK, Vocabulary
from models.errors import SourceError
from models.sources.fields import Fields
from models.sources.infill_tokens import gguf_infill_tokens
from models.sources.tokenizer_settings import ENDS

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED = 1, 2, 3, 4, 5
"""Types of `tokenizer.ggml.token_type`; a byte's token is 6."""


@dataclass(frozen=True, slots=True)
class GgufTokenizer:
    """What a model file needs to know of a tokenizer.

    Attributes:
        special_tokens: Ids by text, of the tokens that no text is made of.
        start_id: Stands before every prompt; None for nothing.
        named_tokens: Texts of tokens by the chat template's names for them.
        infill_tokens: Ids of the tokens for filling in the middle of a text, by what they stand for.
    """

    vocabulary: Vocabulary
    special_tokens: Mapping[str, int]
    end_ids: tuple[int, ...]
    start_id: int | None
    named_tokens: Mapping[str, str]
    infill_tokens: Mapping[InfillRole, int]


def read_tokenizer(fields: Fields) -> GgufTokenizer:
    """Read the metadata `tokenizer.ggml.*`.

    Raises:
        SourceError: It is incomplete, or the tokenizer is of another kind.
    """
    tokens = fields.strings("tokenizer.ggml.tokens")
    kinds = fields.get("tokenizer.ggml.token_type", [NORMAL] * len(tokens))
    if len(kinds) != len(tokens):
        raise SourceError(f"{fields.path}: tokenizer: {len(kinds)} types of {len(tokens)} tokens")
    infill = gguf_infill_tokens(fields, tokens)
    marked = [CONTROL if i in infill.values() else kind for i, kind in enumerate(kinds)]
    try:
        vocabulary = _vocabulary(fields, tokens, marked)
    except ValueError as error:
        raise SourceError(f"{fields.path}: tokenizer: {error}") from None
    special = {tokens[i]: i for i in sorted(vocabulary.specials)}
    return GgufTokenizer(
        vocabulary,
        special,
        _end_ids(fields, special, len(tokens)),
        _start_id(fields, len(tokens)),
        _named_tokens(fields, tokens),
        infill,
    )


def _vocabulary(fields: Fields, tokens: Sequence[str], kinds: Sequence[int]) -> Vocabulary:
    model, pre = fields.text("tokenizer.ggml.model"), fields.text("tokenizer.ggml.pre", "gpt-2")
    specials = {i for i, kind in enumerate(kinds) if kind in (UNKNOWN, CONTROL)}
    added = {tokens[i]: i for i, kind in enumerate(kinds) if kind == USER_DEFINED}
    if model == "llama":
        return Vocabulary.from_characters(
            tokens,
            _merges_of_scores(fields, tokens, kinds),
            specials,
            prefix="each" if fields.get("tokenizer.ggml.add_space_prefix", True) else "none",
            added=added,
        )
    if model == "gpt2" and pre in RULES:
        rule = RULES[pre]
        return Vocabulary.from_letters(
            tokens,
            [tuple(merge.split(" ")) for merge in fields.strings("tokenizer.ggml.merges")],
            specials,
            digits=rule.digits,
            patterns=rule.patterns,
            whole_words=rule.whole_words,
            nfc=rule.nfc,
            added=added,
        )
    known = ", ".join(sorted(RULES))
    raise SourceError(
        f"{fields.path}: tokenizer {model}/{pre};"
        f" SentencePiece's BPE and byte-level BPE with {known} are supported"
    )


def _merges_of_scores(fields: Fields, tokens: Sequence[str], kinds: Sequence[int]) -> list[tuple[str, str]]:
    """Every way to put a token together of two others, those of the highest score first.

    SentencePiece joins two neighbours if that makes a token, the token of the highest score first. A file
    that was made without its model has one score for all: tokens stand in the order of the lost scores, but
    for runs of spaces, which come last.
    """
    scores = fields.get("tokenizer.ggml.scores")
    if len(scores) != len(tokens):
        raise ValueError(f"{len(scores)} scores of {len(tokens)} tokens")
    ids = {
        text: i
        for i, (text, kind) in enumerate(zip(tokens, kinds, strict=True))
        if kind in (NORMAL, USER_DEFINED, UNUSED) and " " not in text
    }
    lost, found = len(set(scores)) == 1, []
    for text, i in ids.items():
        last = lost and not text.strip(SPACE_MARK)
        splits = [(text[:at], text[at:]) for at in range(1, len(text))]
        parts = sorted((ids[left], ids[right]) for left, right in splits if left in ids and right in ids)
        found += [(-scores[i], last, i, *pair) for pair in parts]
    return [(tokens[left], tokens[right]) for *_, left, right in sorted(found)]


def _start_id(fields: Fields, tokens: int) -> int | None:
    """The token before every text; where the file does not say whether there is one, as llama.cpp has it."""
    spm = fields.text("tokenizer.ggml.model") == "llama"
    starts = spm or RULES.get(fields.text("tokenizer.ggml.pre", "gpt-2"), Rule()).starts
    if not fields.get("tokenizer.ggml.add_bos_token", starts):
        return None
    found = int(fields.number("tokenizer.ggml.bos_token_id", *((1,) if spm else ())))
    if found >= tokens:
        raise SourceError(f"{fields.path}: token {found} starts a text; there are {tokens}")
    return found


def _named_tokens(fields: Fields, tokens: Sequence[str]) -> dict[str, str]:
    """Texts of tokens by the chat template's names for them; by default SentencePiece's first ids."""
    spm = fields.text("tokenizer.ggml.model") == "llama"
    found = dict[str, str]()
    for name, (key, default) in _NAMED.items():
        i = int(fields.number(f"tokenizer.ggml.{key}_token_id", default if spm else len(tokens)))
        found |= {name: tokens[i]} if i < len(tokens) else {}
    return found


_NAMED = {
    "bos_token": ("bos", 1),
    "eos_token": ("eos", 2),
    "unk_token": ("unknown", 0),
    "pad_token": ("padding", 2**31),
}


def _end_ids(fields: Fields, special: Mapping[str, int], tokens: int) -> tuple[int, ...]:
    """The end-of-text token, and every special token that chat models end a turn with."""
    names = [f"tokenizer.ggml.{name}_token_id" for name in ("eos", "eot", "eom")]
    found = {int(fields.number(name)) for name in names if name in fields}
    if found and max(found) >= tokens:
        raise SourceError(f"{fields.path}: token {max(found)} ends a text; there are {tokens}")
    return tuple(sorted(found | {i for text, i in special.items() if text in ENDS}))
