"""The manifest of a file that has none: what the file itself tells."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from app.model.manifest import Manifest
from app.model.shape import ModelShape
from app.model.tables import GraphTables
from app.model.template import named_tokens


def identify(
    path: Path,
    tables: GraphTables,
    shape: ModelShape,
    *,
    end_ids: tuple[int, ...] = (),
    chat_template: str | None = None,
    special_tokens: Mapping[str, int] | None = None,
    start_id: int | None = None,
) -> Manifest:
    """A manifest with the sha256 of the file as it is; nothing vouches for it.

    The token that starts a text has a name in it, and is no `start_id`: the engine puts it first itself.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    custom = sorted(operator.name for operator in tables.operators if operator.custom)
    return Manifest(
        id=path.stem,
        file=path.name,
        sha256=digest,
        bytes=path.stat().st_size,
        source="foreign",
        licence="unknown",
        quantization=tables.dtypes[0] if tables.dtypes else "none",
        target="litert",
        architecture="unknown",
        parameters=tables.parameters,
        sequence_length=shape.sequence_length,
        default_window=shape.sequence_length // 2,
        vocabulary_size=shape.vocabulary,
        layers=shape.layers,
        heads=shape.kv_heads * shape.group,
        kv_heads=shape.kv_heads,
        head_size=shape.head_size,
        end_ids=end_ids,
        chat_template=chat_template,
        special_tokens=dict(special_tokens or {}),
        named_tokens=named_tokens(special_tokens or {}, start_id, end_ids),
        signatures=tables.signatures,
        custom_ops=tuple(custom),
        text_ops={},
        tools={},
    )
