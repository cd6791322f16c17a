from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.pieces import control_ids, read_vocabulary_of
from app.model.tokenizer import open_text_model, read_vocabulary
from tests.tiny import TinyModel


def test_the_pieces_are_what_the_file_detokenizes(tiny_model: TinyModel, text_ops: Path) -> None:
    manifest, text = tiny_model.manifest, open_text_model(tiny_model.path, text_ops, "litert")
    control = control_ids(manifest)
    vocabulary = read_vocabulary_of(tiny_model.path, manifest.vocabulary_size, control)
    expected = read_vocabulary(text, manifest.vocabulary_size)
    hidden = [b"" if number in control else piece for number, piece in enumerate(expected)]
    assert list(vocabulary.pieces) == hidden


def test_a_table_with_fewer_tokens_than_the_manifest_says_is_refused(tiny_model: TinyModel) -> None:
    with pytest.raises(ModelRefusedError, match=r"its detokenizer has \d+ tokens, the manifest says 1000000"):
        read_vocabulary_of(tiny_model.path, 10**6, ())


def test_a_file_without_a_detokenizer_is_refused(decoder_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match="its detokenizer has no table of tokens"):
        read_vocabulary_of(decoder_path, 10, ())
