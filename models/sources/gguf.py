"""Checkpoints from GGUF files, however quantized."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from models.checkpoint.architecture import Checkpoint
from models.checkpoint.vocabulary import Vocabulary
from models.checkpoint.weights import Weights
from models.errors import SourceError
from models.sources.fields import Fields
from models.sources.gguf_config import describe
from models.sources.gguf_reader import open_gguf
from models.sources.gguf_weights import FACTORS, read_tensor, read_weights
from models.sources.layout import arrange
from models.sources.shapes import check_shapes

PRE_TOKENIZERS = {"smollm": True, "gpt-2": False}
"""`tokenizer.ggml.pre` of the pre-tokenizers we write, and whether digits stand alone there."""

CONTROL, USER_DEFINED = 3, 4
"""Token types of `tokenizer.ggml.token_type` that never come from plain text."""


def read_gguf(path: Path) -> Checkpoint:
    """Load a GGUF file; the weights themselves are read when they are asked for.

    Raises:
        SourceError: It is damaged, or uses a feature that the decoder description has no word for.
    """
    values, tensors = open_gguf(path)
    fields = Fields(path, values)
    fields.refuse({f"{fields.get('split.count', 0)} files, of which this is one; join them with "
                   "llama-gguf-split --merge": int(fields.get("split.count", 0)) > 1})  # fmt: skip
    factors = {name.split(".")[0]: read_tensor(path, tensors[name]) for name in FACTORS if name in tensors}
    arch, layout, family = describe(fields, tensors, factors)
    tokens = fields.strings("tokenizer.ggml.tokens")
    vocabulary = _vocabulary(fields, tokens)
    stored = read_weights(path, arch, tensors, family)
    weights = Weights(arrange(path, arch, layout, stored))
    check_shapes(path, arch, weights)
    return Checkpoint(
        name=_name(path),
        source=f"{path.name} sha256:{_digest(path)}",
        licence=fields.text("general.license", "unknown"),
        architecture=arch,
        weights=weights,
        vocabulary=vocabulary,
        end_ids=_end_ids(fields, tokens),
        chat_template=fields.get("tokenizer.chat_template", None),
        special_tokens={tokens[i]: i for i in sorted(vocabulary.specials)},
    )


def _vocabulary(fields: Fields, tokens: list[str]) -> Vocabulary:
    model, pre = fields.text("tokenizer.ggml.model"), fields.text("tokenizer.ggml.pre", "gpt-2")
    if model != "gpt2" or pre not in PRE_TOKENIZERS:
        known = ", ".join(PRE_TOKENIZERS)
        raise SourceError(f"{fields.path}: tokenizer {model}/{pre}; byte-level BPE with {known} is supported")
    kinds = fields.get("tokenizer.ggml.token_type", [1] * len(tokens))
    specials = frozenset(i for i, kind in enumerate(kinds) if kind in (CONTROL, USER_DEFINED))
    merges = [tuple(merge.split(" ")) for merge in fields.strings("tokenizer.ggml.merges")]
    try:
        if len(kinds) != len(tokens):
            raise ValueError(f"{len(kinds)} types of {len(tokens)} tokens")
        return Vocabulary.from_letters(tokens, merges, specials, digits=PRE_TOKENIZERS[pre])
    except ValueError as error:
        raise SourceError(f"{fields.path}: tokenizer: {error}") from None


def _end_ids(fields: Fields, tokens: list[str]) -> tuple[int, ...]:
    """The end-of-text token, and every other token that chat models end a turn with."""
    names = [f"tokenizer.ggml.{name}_token_id" for name in ("eos", "eot", "eom")]
    found = {int(fields.number(name)) for name in names if name in fields}
    if found and max(found) >= len(tokens):
        raise SourceError(f"{fields.path}: token {max(found)} ends a text; there are {len(tokens)}")
    found |= {i for i, token in enumerate(tokens) if token in ("<|endoftext|>", "<|im_end|>", "</s>")}
    return tuple(sorted(found))


def _name(path: Path) -> str:
    """A model id from the file's name: lower case, without the quantization's suffix."""
    return re.sub(r"[.-](I?Q\d\w*|F16|F32|BF16)$", "", path.stem, flags=re.IGNORECASE).lower()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
