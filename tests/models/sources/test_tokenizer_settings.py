from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from models.checkpoint.architecture import Checkpoint
from models.errors import SourceError
from models.sources import read_checkpoint
from tests.models.sources.test_hugging_face import template, tokenizer, write_folder
from tests.tiny import TOY_VOCABULARY, tiny_checkpoint

Write = Callable[..., Path]


@pytest.fixture
def llama() -> Checkpoint:
    return tiny_checkpoint("llama", TOY_VOCABULARY)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return partial(write_folder, tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("tokenizer_config.json", {"chat_template": "one"}, "one"),
        ("tokenizer_config.json", {"chat_template": {"default": "one", "rag": "other"}}, "one"),
        (
            "tokenizer_config.json",
            {
                "chat_template": [
                    {"name": "tool_use", "template": "no"},
                    {"name": "default", "template": "one"},
                ]
            },
            "one",
        ),
        ("tokenizer_config.json", {"chat_template": [{"name": "tool_use", "template": "no"}]}, None),
        ("tokenizer_config.json", {"chat_template": [7, "x"]}, None),
        ("chat_template.json", {"chat_template": "one"}, "one"),
        ("chat_template.json", {"other": "one"}, None),
    ],
)
def test_the_default_chat_template_is_found(
    llama: Checkpoint, write: Write, file: str, content: dict[str, Any], expected: str | None
) -> None:
    folder = write(llama)
    (folder / file).write_text(json.dumps(content))
    assert read_checkpoint(folder).chat_template == expected


def test_a_chat_template_that_is_no_text_is_one_line(llama: Checkpoint, write: Write) -> None:
    folder = write(llama)
    (folder / "chat_template.jinja").write_bytes(b"\xff")
    with pytest.raises(SourceError, match=r"chat_template\.jinja: not readable as text: 'utf-8' codec"):
        read_checkpoint(folder)


def test_tokens_have_the_names_of_the_settings(llama: Checkpoint, write: Write) -> None:
    folder = write(llama, {"eos_token_id": 7})
    assert read_checkpoint(folder).named_tokens == {}
    (folder / "special_tokens_map.json").write_text('{"eos_token": "old", "pad_token": "<pad>"}')
    settings = {"eos_token": {"content": "<|im_end|>"}, "bos_token": None, "pad_token": ""}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    found = read_checkpoint(folder)
    assert found.named_tokens == {"eos_token": "<|im_end|>", "pad_token": ""}
    assert found.end_ids == (0, 7, 260)


def test_special_tokens_may_take_white_space_away(llama: Checkpoint, write: Write) -> None:
    added = tokenizer(TOY_VOCABULARY.digits)["added_tokens"]
    folder = write(llama, token_changes={"added_tokens": [added[0], added[1] | {"rstrip": True}]})
    assert read_checkpoint(folder).token_strips == {"<|im_end|>": "right"}


def test_a_start_token_is_read_from_where_it_is_named(llama: Checkpoint, write: Write) -> None:
    folder = write(llama)
    assert read_checkpoint(folder).start_id is None
    settings = folder / "tokenizer_config.json"
    settings.write_text('{"add_bos_token": false, "bos_token": "<|im_end|>"}')
    assert read_checkpoint(folder).start_id is None
    settings.write_text('{"add_bos_token": true, "bos_token": {"content": "<|im_end|>"}}')
    assert read_checkpoint(folder).start_id == 260
    settings.write_text('{"add_bos_token": true, "bos_token": "<s>"}')
    with pytest.raises(SourceError, match="bos_token is '<s>', which is no token"):
        read_checkpoint(folder)


def test_a_template_puts_the_start_token_first(llama: Checkpoint, write: Write) -> None:
    post = template("<|endoftext|>", 0)
    assert read_checkpoint(write(llama, token_changes={"post_processor": post})).start_id == 0


def test_what_the_authors_advise_is_read(llama: Checkpoint, write: Write) -> None:
    folder = write(llama)
    assert read_checkpoint(folder).sampling == {}
    advice = folder / "generation_config.json"
    advice.write_text(
        '{"do_sample": true, "temperature": 0.6, "top_k": 20, "top_p": 0.95, "eos_token_id": 7}'
    )
    assert read_checkpoint(folder).sampling == {"temperature": 0.6, "top_k": 20, "top_p": 0.95}
    advice.write_text('{"temperature": 5, "repetition_penalty": 0.9, "min_p": 0.1, "top_p": 0}')
    assert read_checkpoint(folder).sampling == {"min_p": 0.1}
    advice.write_text('{"temperature": "hot"}')
    with pytest.raises(
        SourceError, match=r"generation_config\.json: temperature is 'hot', expected a number"
    ):
        read_checkpoint(folder)
