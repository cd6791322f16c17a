from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.errors import ModelRefusedError
from app.model.foreign.json_tokenizer import JsonTokenizer
from app.model.foreign.loader import open_model
from app.model.foreign.text_to_text import BAKED, Utf8
from app.model.kinds import StaticDecoder, WholeText
from app.model.loader import ServedModel
from app.model.tokenizer import TextModel
from app.settings import Settings
from tests.plugged import (
    CHAT_TEMPLATE,
    LENGTH,
    parts,
    tokenizer_json,
    toy_checkpoint,
    write_container,
    write_decoder,
    write_graph,
    write_whole,
)
from tests.tiny import TinyModel


@pytest.fixture
def decoder(tmp_path: Path) -> Path:
    return write_decoder(tmp_path / "toy.tflite", toy_checkpoint())


@pytest.fixture
def container(decoder: Path, tmp_path: Path) -> Path:
    return write_container(tmp_path / "toy.litertlm", parts(decoder))


def opened(path: Path, **settings: Any) -> ServedModel:
    return open_model(Settings(model=path, **settings))


def test_a_file_of_this_project_is_what_its_manifest_says(tiny_model: TinyModel) -> None:
    model = opened(tiny_model.path)
    assert (model.kind, model.manifest, model.foreign) == ("own", tiny_model.manifest, None)
    assert isinstance(model.open_tokenizer(), TextModel)
    assert model.file is not None
    assert model.file.path == tiny_model.path
    assert model.refused == ()


def test_a_container_is_a_decoder_with_its_metadata(container: Path) -> None:
    model = opened(container)
    assert (model.kind, model.refused) == ("decoder", ())
    assert isinstance(model.foreign, StaticDecoder)
    assert model.foreign.start_id == 0
    assert 0 < model.foreign.begin < model.foreign.end <= container.stat().st_size
    assert isinstance(model.open_tokenizer(), JsonTokenizer)
    manifest = model.manifest
    assert (manifest.id, manifest.source, manifest.licence) == ("toy", "foreign", "unknown")
    assert (manifest.sequence_length, manifest.default_window) == (LENGTH - 1, (LENGTH - 1) // 2)
    assert (manifest.end_ids, manifest.chat_template) == ((260,), CHAT_TEMPLATE)
    assert manifest.special_tokens == {"<|endoftext|>": 0, "<|im_end|>": 260}


def test_a_container_is_known_by_its_content(container: Path, tmp_path: Path) -> None:
    assert opened(container.rename(tmp_path / "renamed.tflite")).kind == "decoder"


def test_a_plain_decoder_has_its_tokenizer_beside_it(decoder: Path) -> None:
    decoder.with_name("tokenizer.json").write_text(tokenizer_json())
    model = opened(decoder)
    assert model.kind == "decoder"
    assert isinstance(model.foreign, StaticDecoder)
    assert (model.foreign.begin, model.foreign.end) == (0, decoder.stat().st_size)
    assert model.foreign.start_id is None
    assert model.manifest.end_ids == (0, 260)
    assert model.manifest.chat_template is None


def test_a_text_to_text_file_refuses_what_it_has_baked_in(tmp_path: Path) -> None:
    model = opened(write_whole(tmp_path / "classic.tflite"), max_prompt_characters=100, window_share=0.25)
    assert (model.kind, model.refused) == ("text-to-text", BAKED)
    assert model.foreign == WholeText("serving_default", "prompt", "output_0", tmp_path / "text_ops")
    assert isinstance(model.open_tokenizer(), Utf8)
    assert model.manifest.vocabulary_size == 256
    assert model.manifest.sequence_length * 0.25 >= 400  # the longest prompt of the longest characters


def test_the_folder_of_text_operators_is_the_settings(tmp_path: Path) -> None:
    model = opened(write_whole(tmp_path / "classic.tflite"), text_ops=tmp_path / "ops")
    assert isinstance(model.foreign, WholeText)
    assert model.foreign.text_ops == tmp_path / "ops"


def test_tflite_runtime_runs_no_foreign_file(container: Path) -> None:
    with pytest.raises(ModelRefusedError, match="foreign files run on litert, not on tflite-runtime"):
        opened(container, runtime="tflite-runtime")


def test_a_file_of_this_project_without_its_manifest_says_so(tiny_model: TinyModel, tmp_path: Path) -> None:
    path = tmp_path / "lost.tflite"
    path.symlink_to(tiny_model.path)
    with pytest.raises(
        ModelRefusedError, match=r"built by this project, but lost\.manifest\.json is missing$"
    ):
        opened(path)


def test_a_file_that_is_not_there_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(ModelRefusedError, match=r"no\.manifest\.json: not found; build the model with"):
        opened(tmp_path / "no.tflite")


def test_a_file_of_no_kind_says_what_is_served(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "odd.tflite", "classify", lambda graph: graph.input("x", [1, 4]) + 1.0)
    with pytest.raises(ModelRefusedError) as refusal:
        opened(path)
    assert str(refusal.value) == (
        f"{path}: has no manifest, and no signature of a kind that is served: text to text, or"
        " prefill_N and decode; its signatures: classify"
    )
