from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.byte_tokenizer import ByteTokenizer
from app.model.loader import open_own
from app.model.manifest import manifest_path, write_manifest
from app.model.text_ops import LIBRARY
from app.model.tokenizer import TextModel
from app.settings import Settings
from tests.tiny import TinyModel


@pytest.fixture
def alone(tiny_model: TinyModel, tmp_path: Path) -> Settings:
    """The tiny model's file without the shared object of text operators."""
    os.link(tiny_model.path, tmp_path / tiny_model.path.name)
    written = tiny_model.manifest.model_copy(update={"text_ops": {LIBRARY: "0" * 64}})
    write_manifest(written, tmp_path)
    return Settings(model=tmp_path / tiny_model.path.name)


def test_where_the_text_operators_are_missing_the_signatures_on_bytes_tokenize(
    alone: Settings, tiny_model: TinyModel
) -> None:
    tokenizer = open_own(alone).open_tokenizer()
    assert isinstance(tokenizer, ByteTokenizer)
    text_model = open_own(Settings(model=tiny_model.path)).open_tokenizer()
    assert isinstance(text_model, TextModel)
    assert tokenizer.tokenize("It's one é.\n") == text_model.tokenize("It's one é.\n")


def test_a_file_without_those_signatures_needs_the_text_operators(
    alone: Settings, tiny_model: TinyModel
) -> None:
    kept = {name: each for name, each in tiny_model.manifest.signatures.items() if name != "pieces"}
    update = {"text_ops": {LIBRARY: "0" * 64}, "signatures": kept}
    write_manifest(tiny_model.manifest.model_copy(update=update), manifest_path(alone.model).parent)
    with pytest.raises(ModelRefusedError, match=rf"text_ops/{LIBRARY}: No such file or directory$"):
        open_own(alone)
