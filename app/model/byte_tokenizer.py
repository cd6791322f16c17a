"""The model file's text side without TF-Text's operators: bytes in, the bytes of each token out."""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from app.model.runtime import RuntimeName
from app.model.tokenizer import open_signatures

SIGNATURES = ("tokenize_bytes", "pieces")
"""They need builtin operators only."""


class ByteTokenizer:
    """The same ids and texts as TextModel's, by the two signatures without custom operators.

    Not thread-safe, since all calls share the interpreter's tensors.
    """

    def __init__(self, runners: Mapping[str, Any], normalizer: Literal["NFC"] | None = None) -> None:
        self._runners = runners
        self._normalizer = normalizer

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text; special tokens in it are plain text.

        Raises:
            UnicodeEncodeError: The text has a lone surrogate.
        """
        if self._normalizer is not None:
            text = unicodedata.normalize(self._normalizer, text)
        code = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
        if not len(code):
            return []
        ids: list[int] = self._runners["tokenize_bytes"](code=code)["ids"].tolist()
        return ids

    def detokenize(self, ids: Sequence[int]) -> bytes:
        """The bytes that token ids stand for; they may end inside a character.

        Raises:
            ValueError: An id is outside the vocabulary.
        """
        if not len(ids):
            return b""
        try:
            return b"".join(self._runners["pieces"](ids=np.asarray(array("i", ids)))["pieces"])
        except (RuntimeError, OverflowError):
            raise ValueError("a token id is outside the vocabulary") from None


def open_byte_tokenizer(
    model: Path,
    runtime: Literal["auto"] | RuntimeName,
    place: Path | None = None,
    normalizer: Literal["NFC"] | None = None,
) -> ByteTokenizer:
    """Load a model file that has the two signatures; see `open_text_model`.

    Raises:
        ModelRefusedError: The file or the runtime cannot be loaded.
    """
    return ByteTokenizer(open_signatures(model, runtime, names=SIGNATURES, place=place), normalizer)
