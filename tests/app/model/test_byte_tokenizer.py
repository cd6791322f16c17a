from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.byte_tokenizer import ByteTokenizer, open_byte_tokenizer
from app.model.tokenizer import TextModel, open_text_model
from models.evaluation.samples import sample_texts
from models.graphs.tokenizer import write_tokenizer
from models.tflite.graph import Model
from tests.conftest import Runtime
from tests.tiny import TOY_VOCABULARY

THE = TOY_VOCABULARY.tokens.index(b" the")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    model = Model("test")
    write_tokenizer(model, TOY_VOCABULARY)
    model.save(tmp_path / "model.tflite")
    return tmp_path / "model.tflite"


@pytest.fixture
def tokenizer(file: Path, runtime: Runtime) -> ByteTokenizer:
    return open_byte_tokenizer(file, runtime)


@pytest.fixture
def text_model(file: Path, text_ops: Path, runtime: Runtime) -> TextModel:
    return open_text_model(file, text_ops, runtime)


def test_ids_and_texts_are_those_of_the_signatures_with_custom_operators(
    tokenizer: ByteTokenizer, text_model: TextModel
) -> None:
    for text in sample_texts(200):
        ids = tokenizer.tokenize(text)
        assert ids == text_model.tokenize(text)
        assert tokenizer.detokenize(ids) == text_model.detokenize(ids)


def test_nothing_becomes_nothing(tokenizer: ByteTokenizer) -> None:
    assert tokenizer.tokenize("") == []
    assert tokenizer.detokenize([]) == b""


def test_nuls_are_kept(tokenizer: ByteTokenizer) -> None:
    assert tokenizer.detokenize(tokenizer.tokenize("a\0 the\0\0")) == b"a\0 the\0\0"


@pytest.mark.parametrize("outside", [-1, 10_000, 2**31, -(2**40)])
def test_an_id_outside_the_vocabulary_is_refused_and_the_next_call_works(
    tokenizer: ByteTokenizer, outside: int
) -> None:
    with pytest.raises(ValueError, match="a token id is outside the vocabulary"):
        tokenizer.detokenize([THE, outside])
    assert tokenizer.detokenize([THE]) == b" the"


def test_a_lone_surrogate_is_refused(tokenizer: ByteTokenizer) -> None:
    with pytest.raises(UnicodeEncodeError):
        tokenizer.tokenize("\ud800")


def test_a_text_is_normalized_as_the_manifest_says(file: Path, runtime: Runtime) -> None:
    decomposed = unicodedata.normalize("NFD", "é")
    tokenizer = open_byte_tokenizer(file, runtime, normalizer="NFC")
    assert tokenizer.detokenize(tokenizer.tokenize(decomposed)) == "é".encode()


def test_a_file_without_the_signatures_is_refused(tmp_path: Path, runtime: Runtime) -> None:
    model = Model("test")
    graph = model.subgraph("f")
    graph.output("y", graph.input("x", [1]) + 1.0)
    model.signature(graph)
    model.save(tmp_path / "other.tflite")
    with pytest.raises(ModelRefusedError, match="cannot load it: "):
        open_byte_tokenizer(tmp_path / "other.tflite", runtime)
