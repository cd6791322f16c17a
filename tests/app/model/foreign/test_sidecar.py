from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import ModelRefusedError
from app.model.foreign.metadata import TextMetadata
from app.model.foreign.sidecar import read_beside
from tests.plugged import tokenizer_json

Config = dict[str, object]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "tokenizer.json").write_text(tokenizer_json())
    return tmp_path / "model.tflite"


def configured(model: Path, **config: object) -> TextMetadata:
    model.with_name("tokenizer_config.json").write_text(json.dumps(config))
    return read_beside(model, 261)[1]


def test_a_tokenizer_alone_ends_texts_with_the_tokens_of_that_name(model: Path) -> None:
    tokenizer, metadata = read_beside(model, 261)
    assert metadata == TextMetadata(None, (0, 260), None)
    assert tokenizer.tokenize("!") == [34]


def test_the_configuration_names_the_end_and_the_template(model: Path) -> None:
    assert configured(model, eos_token="<|im_end|>", chat_template="{{ 1 }}") == TextMetadata(
        None, (260,), "{{ 1 }}"
    )


def test_a_start_is_put_only_where_the_configuration_adds_it(model: Path) -> None:
    start = {"content": "<|endoftext|>"}
    assert configured(model, bos_token=start).start_id is None
    assert configured(model, bos_token=start, add_bos_token=True).start_id == 0


def test_several_templates_are_none(model: Path) -> None:
    assert configured(model, chat_template=[{"name": "default"}]).chat_template is None


def test_no_tokenizer_is_refused(model: Path) -> None:
    model.with_name("tokenizer.json").unlink()
    with pytest.raises(
        ModelRefusedError, match=r"model\.tflite: a decoder without a tokenizer: no tokenizer"
    ):
        read_beside(model, 261)


def test_an_end_that_the_tokenizer_does_not_have_is_refused(model: Path) -> None:
    with pytest.raises(ModelRefusedError, match=r"no token ends a text; looked for <stop>$"):
        configured(model, eos_token="<stop>")


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_damaged_configuration_is_refused(model: Path, text: str) -> None:
    model.with_name("tokenizer_config.json").write_text(text)
    with pytest.raises(ModelRefusedError, match=r"not a tokenizer_config\.json, or a damaged one"):
        read_beside(model, 261)
