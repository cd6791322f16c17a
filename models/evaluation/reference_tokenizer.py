"""A vocabulary in the `tokenizers` package: what our own tokenizer is compared with."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from models.checkpoint.vocabulary import Vocabulary, byte_letters


def make_oracle(vocabulary: Vocabulary) -> Tokenizer:
    """The same vocabulary in the `tokenizers` package; special tokens in a text are plain text there too."""
    letters = {byte: letter for letter, byte in byte_letters().items()}

    def spell(raw: bytes) -> str:
        return "".join(letters[byte] for byte in raw)

    ids = {spell(raw): i for i, raw in enumerate(vocabulary.tokens)}
    oracle = Tokenizer(models.BPE(ids, [(spell(a), spell(b)) for a, b in vocabulary.merges]))
    oracle.pre_tokenizer = make_pre_tokenizer(digits=vocabulary.digits)
    oracle.decoder = decoders.ByteLevel()
    return oracle


def make_pre_tokenizer(*, digits: bool) -> Any:
    """GPT-2's, behind a splitter of digits if wanted."""
    level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if not digits:
        return level
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level])
