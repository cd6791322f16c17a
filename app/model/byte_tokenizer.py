"""The model file's text side without TF-Text's operators: bytes in, the bytes of each token out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from app.model.runtime import RuntimeName
from app.model.tokenizer import FileTokenizer, open_signatures

SIGNATURES = ("tokenize_bytes", "pieces")
"""They need builtin operators only."""


class ByteTokenizer(FileTokenizer):
    """The same ids and texts as TextModel's, by the two signatures without custom operators."""

    def _ids(self, text: str) -> list[int]:
        code = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
        if not len(code):
            return []
        ids: list[int] = self._runner("tokenize_bytes")(code=code)["ids"].tolist()
        return ids

    def _bytes(self, ids: npt.NDArray[np.int32]) -> bytes:
        return b"".join(self._runner("pieces")(ids=ids)["pieces"])


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
