"""The bytes of each token, read from the table inside a model file's detokenizer without loading the file."""

from __future__ import annotations

import mmap
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from app.errors import ModelRefusedError
from app.model.manifest import Manifest
from app.model.vocabulary import Vocabulary


def control_ids(manifest: Manifest) -> tuple[int, ...]:
    """Tokens that stand for no text: those that end one, and those of chat templates."""
    return tuple(sorted({*manifest.special_tokens.values(), *manifest.end_ids}))


def read_vocabulary_of(model: Path, size: int, control: Collection[int]) -> Vocabulary:
    """The vocabulary of a file that this project built.

    The table is the string constant of the signature `detokenize`: a count, offsets, bytes
    (TensorFlow Lite, `tensorflow/lite/string_util.h`). Its first `size` entries are the tokens.

    Raises:
        ModelRefusedError: The file has no such table.
    """
    from ai_edge_litert import schema_py_generated as schema

    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        content = _table(schema, schema.Model.GetRootAs(data, 0))
    if content is None or len(content) < 4:
        raise ModelRefusedError(f"{model}: its detokenizer has no table of tokens")
    count = int.from_bytes(content[:4], "little")
    offsets = np.frombuffer(content, "<i4", count + 1, 4)
    if count < size:
        raise ModelRefusedError(f"{model}: its detokenizer has {count} tokens, the manifest says {size}")
    pieces = [content[start:end] for start, end in pairwise(offsets[: size + 1].tolist())]
    return Vocabulary.of(pieces, control)


def _table(schema: Any, model: Any) -> bytes | None:
    """The largest string constant of the detokenizer."""
    for n in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(n)
        if signature.SignatureKey() == b"detokenize":
            graph = model.Subgraphs(signature.SubgraphIndex())
            buffers = [
                model.Buffers(tensor.Buffer())
                for tensor in map(graph.Tensors, range(graph.TensorsLength()))
                if tensor.Type() == schema.TensorType.STRING
            ]
            largest = max(buffers, key=lambda buffer: buffer.DataLength(), default=None)
            if largest is not None and largest.DataLength():
                return bytes(largest.DataAsNumpy())
    return None
