"""Byte-level BPE out of a `tokenizer.json`, by the `tokenizers` package."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app.errors import ModelRefusedError
from app.model.foreign.optional import required


class JsonTokenizer:
    """Text to token ids and back; see app.job.Tokenizer."""

    def __init__(self, encoder: Any, pieces: Sequence[bytes], special_tokens: dict[str, int]) -> None:
        self._encoder = encoder
        self._pieces = pieces
        self.special_tokens = special_tokens

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text; special tokens in it are plain text.

        Raises:
            UnicodeEncodeError: The text has a lone surrogate.
        """
        text.encode()
        ids: list[int] = self._encoder.encode(text, add_special_tokens=False).ids
        return ids

    def detokenize(self, ids: Sequence[int]) -> bytes:
        """The bytes that token ids stand for; they may end inside a character.

        Raises:
            ValueError: An id is outside the vocabulary.
        """
        if not all(0 <= number < len(self._pieces) for number in ids):
            raise ValueError("a token id is outside the vocabulary")
        return b"".join(self._pieces[number] for number in ids)

    def id_of(self, token: str) -> int | None:
        """The id of a text that is one token, a special one included."""
        if token in self.special_tokens:
            return self.special_tokens[token]
        ids = self.tokenize(token)
        return ids[0] if len(ids) == 1 else None


def read_tokenizer(source: str, content: bytes, vocabulary: int) -> JsonTokenizer:
    """The tokenizer that a `tokenizer.json` describes.

    Args:
        source: Names it in errors.
        content: The file's bytes.
        vocabulary: Ids that the model knows; those without a token stand for nothing.

    Raises:
        ModelRefusedError: It is damaged, or of another kind than byte-level BPE.
    """
    package = required("tokenizers")
    try:
        described = json.loads(content)
        kinds = set(_types(described.get("decoder")))
    except (ValueError, AttributeError, RecursionError):
        raise ModelRefusedError(
            f"{source}: the tokenizer is not a tokenizer.json, or a damaged one"
        ) from None
    if "ByteLevel" not in kinds:
        raise ModelRefusedError(
            f"{source}: its tokenizer decodes by {', '.join(sorted(kinds)) or 'nothing'};"
            " byte-level BPE is understood"
        )
    try:
        encoder = package.Tokenizer.from_str(content.decode())
    except Exception as error:  # the package raises nothing narrower
        raise ModelRefusedError(f"{source}: the tokenizer cannot be read: {error}") from None
    encoder.encode_special_tokens = True
    encoder.no_truncation()
    encoder.no_padding()
    added = encoder.get_added_tokens_decoder()
    pieces = [b""] * max(vocabulary, encoder.get_vocab_size())
    letters = _bytes_of_letters()
    for token, number in encoder.get_vocab().items():
        if number not in added and number < len(pieces):
            pieces[number] = b"".join(letters.get(letter, letter.encode()) for letter in token)
    for number, token in added.items():
        pieces[number] = token.content.encode()
    special = {token.content: number for number, token in added.items() if token.special}
    return JsonTokenizer(encoder, pieces, special)


def _types(described: Any) -> list[str]:
    """Kinds of a decoder and of the decoders that it is made of."""
    if described is None:
        return []
    return [described["type"]] + [kind for part in described.get("decoders", []) for kind in _types(part)]


def _bytes_of_letters() -> dict[str, bytes]:
    """The byte behind each letter of a byte-level vocabulary (GPT-2's `bytes_to_unicode`)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in shown]
    letters = [chr(byte) for byte in shown] + [chr(256 + n) for n in range(len(others))]
    return {letter: bytes([byte]) for letter, byte in zip(letters, shown + others, strict=True)}
