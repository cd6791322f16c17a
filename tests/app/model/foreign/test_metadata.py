from __future__ import annotations

from typing import Any

import pytest

from app.completion.chat_template import ChatTemplate, Message
from app.errors import ModelRefusedError
from app.model.foreign.json_tokenizer import read_tokenizer
from app.model.foreign.metadata import TextMetadata, read_metadata
from tests.app.model.conftest import Pack
from tests.plugged import CHAT_TEMPLATE, Edit, tokenizer_json, toy_executor, toy_metadata

TOKENIZER = read_tokenizer("toy", tokenizer_json().encode(), 261)


def read(pack: Pack, edit: Edit) -> TextMetadata:
    return read_metadata(pack(metadata=("LlmMetadataProto", {}, toy_metadata(edit))), TOKENIZER)


def test_start_ends_and_template_are_read(pack: Pack) -> None:
    assert read_metadata(pack(), TOKENIZER) == TextMetadata(0, (260,), CHAT_TEMPLATE)


def test_a_file_without_executor_metadata_is_read(pack: Pack) -> None:
    assert read_metadata(pack(executor=None), TOKENIZER).end_ids == (260,)


def test_a_file_need_not_have_a_start_or_a_template(pack: Pack) -> None:
    def edit(message: Any) -> None:
        message.ClearField("start_token")
        message.ClearField("jinja_prompt_template")

    assert read(pack, edit) == TextMetadata(None, (260,), None)


def test_ends_are_ids_or_texts_of_one_token(pack: Pack) -> None:
    def edit(message: Any) -> None:
        message.stop_tokens.add().token_str = "<|endoftext|>"
        message.stop_tokens.add().token_ids.ids.extend([34, 260])

    assert read(pack, edit).end_ids == (0, 260)


def test_affixes_become_a_template(pack: Pack) -> None:
    def edit(message: Any) -> None:
        message.ClearField("jinja_prompt_template")
        message.prompt_templates.user.prefix = "<|endoftext|>user: \"{{ 'x' }}\"\n"
        message.prompt_templates.user.suffix = "\n"
        message.prompt_templates.model.prefix = "model:"

    source = read(pack, edit).chat_template
    assert source is not None
    template = ChatTemplate(source, TOKENIZER.special_tokens)
    messages = [Message("user", "hello"), Message("assistant", "yes"), Message("user", "so")]
    text = TOKENIZER.detokenize(template.tokens(messages, TOKENIZER)).decode()
    turn = "<|endoftext|>user: \"{{ 'x' }}\"\n"
    assert text == f"{turn}hello\nmodel:yes{turn}so\nmodel:"


def clear_stops(message: Any) -> None:
    message.ClearField("stop_tokens")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda m: m.suppress_tokens.ids.append(3), "asks for suppressed tokens, which"),
        (lambda m: setattr(m, "kv_cache_init_value", 1), "asks for a cache that does not begin with zeros"),
        (lambda m: setattr(m.start_token, "token_str", "two"), "asks for a start of several tokens"),
        (lambda m: m.stop_tokens[1].token_ids.ids.extend([4, 5]), r"an end of several tokens, \[4, 5\]"),
        (lambda m: setattr(m.stop_tokens[1], "token_str", "END"), "an end of several tokens, 'END'"),
        (clear_stops, "names no token that ends a text"),
    ],
)
def test_what_is_not_done_is_refused_by_name(pack: Pack, edit: Edit, reason: str) -> None:
    with pytest.raises(ModelRefusedError, match=reason):
        read(pack, edit)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (
            lambda e: e.state_buffers.add(decode_input_name="kv_cache_k_1", type=3),
            "asks for the state kv_cache_k_1 of TYPE_LOCAL_KEY_CACHE",
        ),
        (lambda e: setattr(e.attention_mask_settings, "sliding_window_size", 64), "local attention masks"),
        (lambda e: setattr(e.attention_mask_settings, "attention_mask_type", 2), "mask that is not causal"),
    ],
)
def test_caches_and_masks_of_another_kind_are_refused(pack: Pack, edit: Edit, reason: str) -> None:
    container = pack(executor=("ExecutorMetadataProto", {}, toy_executor(edit)))
    with pytest.raises(ModelRefusedError, match=reason):
        read_metadata(container, TOKENIZER)


def test_a_file_without_metadata_is_refused(pack: Pack) -> None:
    with pytest.raises(ModelRefusedError, match="has no metadata of a text model"):
        read_metadata(pack(metadata=None), TOKENIZER)


def test_damaged_metadata_is_refused(pack: Pack) -> None:
    with pytest.raises(ModelRefusedError, match="section LlmMetadataProto is damaged"):
        read_metadata(pack(metadata=("LlmMetadataProto", {}, b"\xff" * 20)), TOKENIZER)
