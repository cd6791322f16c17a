"""What a container says about its model beside the graph: tokens that begin and end a text, chat template."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.errors import ModelRefusedError
from app.model.foreign.container import Container
from app.model.foreign.json_tokenizer import JsonTokenizer
from app.model.foreign.optional import required

PROTO = "litert_lm_builder.runtime.proto"


@dataclass(frozen=True, slots=True)
class TextMetadata:
    """How texts begin and end.

    Attributes:
        start_id: Put before every prompt that does not begin with it; None for nothing.
        end_ids: Tokens that end a text.
        chat_template: Jinja.
    """

    start_id: int | None
    end_ids: tuple[int, ...]
    chat_template: str | None


def read_metadata(container: Container, tokenizer: JsonTokenizer) -> TextMetadata:
    """The metadata of a text model.

    Raises:
        ModelRefusedError: It is missing or damaged, or asks for what is not done here.
    """
    described = _message(container, "LlmMetadataProto", "llm_metadata_pb2", "LlmMetadata")
    if described is None:
        raise ModelRefusedError(f"{container.path}: has no metadata of a text model")
    _check_executor(container)
    if described.suppress_tokens.ids:
        raise _unknown(container, "suppressed tokens")
    if described.kv_cache_init_value:
        raise _unknown(container, "a cache that does not begin with zeros")
    return TextMetadata(
        start_id=_start(container, described, tokenizer),
        end_ids=_ends(container, described, tokenizer),
        chat_template=described.jinja_prompt_template or _template(described.prompt_templates),
    )


def _message(container: Container, kind: str, module: str, name: str) -> Any:
    """The one section of a kind, parsed; None where there is none."""
    sections = container.of_kind(kind)
    if not sections:
        return None
    message = getattr(required(f"{PROTO}.{module}"), name)()
    error = required("google.protobuf.message").DecodeError
    try:
        message.ParseFromString(container.read(sections[0]))
    except error:
        raise ModelRefusedError(f"{container.path}: section {kind} is damaged") from None
    return message


def _check_executor(container: Container) -> None:
    """Refuse caches and masks that the engine does not fill."""
    described = _message(container, "ExecutorMetadataProto", "executor_metadata_pb2", "ExecutorMetadata")
    if described is None:
        return
    executor = described.llm_executor_metadata
    known = ("TYPE_UNSPECIFIED", "TYPE_GLOBAL_KEY_CACHE", "TYPE_GLOBAL_VALUE_CACHE")
    for buffer in executor.state_buffers:
        kind = buffer.Type.Name(buffer.type)
        if kind not in known:
            raise _unknown(container, f"the state {buffer.decode_input_name} of {kind}")
    mask = executor.attention_mask_settings
    if mask.sliding_window_size or mask.local_attention_mask_type:
        raise _unknown(container, "local attention masks")
    if mask.attention_mask_type > 1:
        raise _unknown(container, "an attention mask that is not causal")


def _start(container: Container, described: Any, tokenizer: JsonTokenizer) -> int | None:
    token = described.start_token
    ids = list(token.token_ids.ids)
    if not ids and token.token_str:
        found = tokenizer.id_of(token.token_str)
        ids = [-1, -1] if found is None else [found]
    if len(ids) > 1:
        raise _unknown(container, "a start of several tokens")
    return ids[0] if ids else None


def _ends(container: Container, described: Any, tokenizer: JsonTokenizer) -> tuple[int, ...]:
    """Tokens that end a text; texts of several tokens that hold one of them end where that one stands."""
    ends, longer = set(), []
    for token in described.stop_tokens:
        ids = list(token.token_ids.ids)
        found = tokenizer.id_of(token.token_str) if token.token_str else None
        if len(ids) == 1 or found is not None:
            ends.add(ids[0] if found is None else found)
        else:
            longer.append(ids or token.token_str)
    names = [name for name, number in tokenizer.special_tokens.items() if number in ends]
    for sequence in longer:
        if not any(name in sequence for name in names) and not ends.intersection(sequence):
            raise _unknown(container, f"an end of several tokens, {sequence!r}")
    if not ends:
        raise ModelRefusedError(f"{container.path}: names no token that ends a text")
    return tuple(sorted(ends))


def _template(affixes: Any) -> str | None:
    """A Jinja template that puts each role's prefix and suffix around a message."""
    roles = {"user": affixes.user, "system": affixes.system, "assistant": affixes.model}
    if not any(role.prefix or role.suffix for role in roles.values()):
        return None
    cases = "".join(
        f"{{% if m.role == {json.dumps(name)} %}}"
        f"{{{{ {json.dumps(role.prefix)} + m.content + {json.dumps(role.suffix)} }}}}{{% endif %}}"
        for name, role in roles.items()
    )
    return f"{{% for m in messages %}}{cases}{{% endfor %}}{{{{ {json.dumps(affixes.model.prefix)} }}}}"


def _unknown(container: Container, what: str) -> ModelRefusedError:
    return ModelRefusedError(f"{container.path}: asks for {what}, which this service does not do")
