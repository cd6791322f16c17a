"""Conversations: messages become the token ids that the model was tuned on."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.errors import InvalidRequestError
from app.model.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


class ChatTemplate:
    """The model's own template: its special tokens become their ids, the same strings in a message do not."""

    def __init__(self, source: str, special_tokens: Mapping[str, int], end_ids: Sequence[int]) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        self._template = environment.from_string(source)
        self._special_tokens = special_tokens
        self._eos = next((token for token, number in special_tokens.items() if number in end_ids), "")
        self._special = re.compile("(" + "|".join(map(re.escape, special_tokens)) + ")")

    def tokens(self, messages: Sequence[Message], tokenizer: Tokenizer) -> list[int]:
        """Token ids of a conversation, up to where the assistant's next turn begins.

        Raises:
            InvalidRequestError: The template refuses such a conversation.
        """
        mark = secrets.token_hex(8)
        try:
            text = self._template.render(
                messages=[self._marked(message, mark) for message in messages],
                add_generation_prompt=True,
                bos_token="",
                eos_token=self._eos,
            )
        except TemplateError:
            raise InvalidRequestError("messages", "the model's chat template refuses them") from None
        ids: list[int] = []
        for part in self._special.split(text):
            if part in self._special_tokens:
                ids.append(self._special_tokens[part])
            elif part:
                ids += tokenizer.tokenize(part.replace(mark, ""))
        return ids

    def _marked(self, message: Message, mark: str) -> dict[str, str]:
        """A message in which no special token can be found: a mark is set into each."""
        content = self._special.sub(lambda found: found[0][0] + mark + found[0][1:], message.content)
        return {"role": message.role, "content": content}


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A prompt that is a conversation."""

    messages: tuple[Message, ...]
    template: ChatTemplate
    field: str = "messages"

    @property
    def text(self) -> str:
        """Nothing: an answer in a conversation repeats nothing."""
        return ""

    @property
    def unfinished(self) -> str:
        """Nothing: a message is what somebody has sent."""
        return ""

    @property
    def before(self) -> str:
        """Nothing: a turn begins anew."""
        return ""

    @property
    def characters(self) -> int:
        """Of all messages."""
        return sum(len(message.content) for message in self.messages)

    def filtered(self, guard: Callable[[str], str]) -> ChatPrompt:
        """The conversation with each message as the guard lets it pass."""
        messages = tuple(replace(message, content=guard(message.content)) for message in self.messages)
        return replace(self, messages=messages)

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the conversation."""
        return self.template.tokens(self.messages, tokenizer)


def _refuse(message: Any) -> NoReturn:
    raise TemplateError
