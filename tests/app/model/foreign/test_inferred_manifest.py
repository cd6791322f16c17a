from __future__ import annotations

import hashlib
from pathlib import Path

from app.model.foreign.inferred_manifest import identify
from app.model.shape import ModelShape
from app.model.tables import read_tables
from tests.plugged import write_whole


def test_the_identity_is_what_the_file_tells(decoder_path: Path) -> None:
    tables = read_tables(decoder_path)
    shape = ModelShape(2, 2, 1, 16, 261, 256)
    manifest = identify(decoder_path, tables, shape, end_ids=(260,), special_tokens={"<|im_end|>": 260})
    assert manifest.sha256 == hashlib.sha256(decoder_path.read_bytes()).hexdigest()
    assert (manifest.id, manifest.file) == ("decoder", "decoder.tflite")
    assert manifest.bytes == decoder_path.stat().st_size
    assert (manifest.source, manifest.licence, manifest.quantization) == ("foreign", "unknown", "float32")
    assert (manifest.layers, manifest.kv_heads, manifest.head_size) == (2, 2, 16)
    assert (manifest.sequence_length, manifest.vocabulary_size) == (256, 261)
    assert manifest.signatures == tables.signatures


def test_custom_operators_are_listed(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "classic.tflite")
    manifest = identify(path, read_tables(path), ModelShape(1, 1, 1, 1, 256, 1000))
    assert manifest.custom_ops == ("TFText>ByteSplitWithOffsets", "TFText>NgramsStringJoin")
