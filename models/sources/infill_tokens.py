"""Tokens for filling in the middle of a text (Bavarian et al., 2022), by the names that models have for them.

The names and the fields are those that llama.cpp knows (src/llama-vocab.cpp), so that a model fills in here
where it does there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.model.manifest import InfillRole
from models.sources.fields import Fields

NAMES: Mapping[InfillRole, tuple[str, ...]] = {
    "prefix": (
        *("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>"),
        *("<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"),
    ),
    "suffix": (
        *("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>"),
        *("<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"),
    ),
    "middle": (
        *("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>"),
        *("<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"),
    ),
    "pad": ("<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>"),
    "repository": ("<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"),
    "file": ("<|file_sep|>",),
    "end": ("<EOT>", "▁<EOT>", "_<EOT>", "<|file_separator|>"),
}
"""Texts of the tokens; `<|file_separator|>` is what CodeGemma ends with."""

FIELDS: Mapping[InfillRole, tuple[str, ...]] = {
    "prefix": ("fim_pre", "prefix"),
    "suffix": ("fim_suf", "suffix"),
    "middle": ("fim_mid", "middle"),
    "pad": ("fim_pad",),
    "repository": ("fim_rep",),
    "file": ("fim_sep",),
}
"""Names in `tokenizer.ggml.NAME_token_id`; the second are older."""

NEEDED: frozenset[InfillRole] = frozenset({"prefix", "suffix", "middle"})


def named_infill_tokens(ids: Mapping[str, int]) -> dict[InfillRole, int]:
    """Ids of the tokens that have one of the known texts; none where one of the needed three is missing."""
    return _complete(_known(ids))


def gguf_infill_tokens(fields: Fields, tokens: Sequence[str]) -> dict[InfillRole, int]:
    """The same, of a GGUF file: what its metadata names comes first."""
    found = _known({text: i for i, text in enumerate(tokens)})
    for role, names in FIELDS.items():
        name = fields.named(*(f"tokenizer.ggml.{name}_token_id" for name in names))
        i = int(fields.number(name, len(tokens)))
        found |= {role: i} if i < len(tokens) else {}
    return _complete(found)


def _known(ids: Mapping[str, int]) -> dict[InfillRole, int]:
    return {role: ids[text] for role, texts in NAMES.items() for text in reversed(texts) if text in ids}


def _complete(found: dict[InfillRole, int]) -> dict[InfillRole, int]:
    return found if found.keys() >= NEEDED else {}
