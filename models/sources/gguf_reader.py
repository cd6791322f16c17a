"""The reader of the package `gguf`, with lists of metadata read at once: a vocabulary has 800,000 entries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, GGUFValueType

from models.errors import SourceError

MAGIC = b"GGUF"


class ListReader(GGUFReader):
    """As its base; an array is one part, or one a text."""

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
        if GGUFValueType(raw_type) is not GGUFValueType.ARRAY or self.byte_order != "I":
            return super()._get_field_parts(orig_offs, raw_type)
        data: Any = self.data.view(np.ndarray)  # slices of a memory map are slow to make
        kind = GGUFValueType(int(data[orig_offs : orig_offs + 4].view("<u4")[0]))
        count = int(data[orig_offs + 4 : orig_offs + 12].view("<u8")[0])
        start, types = orig_offs + 12, [GGUFValueType.ARRAY, *[kind] * bool(count)]
        if kind is GGUFValueType.STRING:
            parts, end = _texts(data, start, count)
            return end - orig_offs, parts, [*range(count)], types
        dtype = self.gguf_scalar_to_np.get(kind)
        if dtype is None:
            return super()._get_field_parts(orig_offs, raw_type)
        end = start + count * np.dtype(dtype).itemsize
        if end > len(data):
            raise ValueError("an array ends behind the file")
        return end - orig_offs, [data[start:end].view(dtype)], [0], types


def _texts(data: Any, start: int, count: int) -> tuple[list[Any], int]:
    """The bytes of texts, each behind its length, and where they end."""
    parts = []
    for _ in range(count):
        begin = start + 8
        length = int.from_bytes(data[start:begin].tobytes(), "little")
        start = begin + length
        if start > len(data):
            raise ValueError("a text ends behind the file")
        parts.append(data[begin:start])
    return parts, start


def is_gguf(path: Path) -> bool:
    """Whether a file begins as GGUF files do, whatever it is called."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def open_gguf(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata, and tensors (`ReaderTensor`), by name.

    Raises:
        SourceError: It is damaged, or no GGUF file.
    """
    try:
        reader = ListReader(path)
        values = {name: field.contents() for name, field in reader.fields.items()}
    except (OSError, ValueError, IndexError, KeyError) as error:  # the last two: cut short, damaged
        raise SourceError(f"{path}: not a GGUF file: {error}") from None
    return values, {tensor.name: tensor for tensor in reader.tensors}
