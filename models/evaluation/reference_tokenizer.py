"""A vocabulary in the `tokenizers` package: what our own tokenizer is compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from models.checkpoint.vocabulary import SPACE_MARK, Vocabulary, byte_letters


def source_tokenizer(source: Path | None, vocabulary: Vocabulary) -> Callable[[str], list[int]]:
    """Texts to token ids by the source's own `tokenizer.json`, where it has one, else by its vocabulary.

    Special tokens in a text are plain text; a start token is not put before it.
    """
    if source is not None and (source / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
        tokenizer.encode_special_tokens = True
        tokenizer.no_truncation()
        tokenizer.no_padding()
    else:
        tokenizer = make_oracle(vocabulary)

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    return encode


def make_oracle(vocabulary: Vocabulary) -> Tokenizer:
    """The same vocabulary in the `tokenizers` package; special tokens in a text are plain text there too."""
    oracle = _of_characters(vocabulary) if vocabulary.byte_ids else _of_bytes(vocabulary)
    oracle.add_tokens([AddedToken(text.decode(), normalized=False) for text, _ in vocabulary.added])
    return oracle


def _of_bytes(vocabulary: Vocabulary) -> Tokenizer:
    letters = {byte: letter for letter, byte in byte_letters().items()}

    def spell(raw: bytes) -> str:
        return "".join(letters[byte] for byte in raw)

    ids = {spell(raw): i for i, raw in enumerate(vocabulary.tokens)}
    ids |= {text.decode(): i for text, i in vocabulary.added}
    merges = [(spell(a), spell(b)) for a, b in vocabulary.merges]
    oracle = Tokenizer(models.BPE(ids, merges, ignore_merges=bool(vocabulary.words)))
    oracle.pre_tokenizer = make_pre_tokenizer(digits=vocabulary.digits, patterns=vocabulary.patterns)
    if vocabulary.nfc:
        oracle.normalizer = normalizers.NFC()
    oracle.decoder = decoders.ByteLevel()
    return oracle


def _of_characters(vocabulary: Vocabulary) -> Tokenizer:
    def spell(raw: bytes) -> str:
        return raw.decode().replace(" ", SPACE_MARK)

    of_bytes = {i: f"<0x{byte:02X}>" for byte, i in enumerate(vocabulary.byte_ids)}
    ids = {text.decode(): i for text, i in vocabulary.added}
    ids |= {of_bytes.get(i) or spell(raw): i for i, raw in enumerate(vocabulary.tokens)}
    merges = [(spell(a), spell(b)) for a, b in vocabulary.merges]
    oracle = Tokenizer(models.BPE(ids, merges, byte_fallback=True, fuse_unk=True))
    steps: list[Any] = [normalizers.Replace(" ", SPACE_MARK)]
    if vocabulary.prefix == "each" and vocabulary.prefix_before_space:
        steps.insert(0, normalizers.Prepend(SPACE_MARK))
    elif vocabulary.prefix != "none":
        scheme = "first" if vocabulary.prefix == "first" else "always"
        oracle.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    oracle.normalizer = normalizers.Sequence(steps)
    replaced = decoders.Replace(SPACE_MARK, " ")
    oracle.decoder = decoders.Sequence([replaced, decoders.ByteFallback(), decoders.Fuse()])
    return oracle


def make_pre_tokenizer(*, digits: bool, patterns: Sequence[str] = ()) -> Any:
    """GPT-2's, behind a splitter of digits if wanted; or that of other patterns."""
    if patterns:
        splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return pre_tokenizers.Sequence([*splits, level])
    level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if not digits:
        return level
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), level])
