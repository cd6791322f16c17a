"""Conversations: messages become the token ids that the model was tuned on."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from app.errors import InvalidRequestError
from app.model.template import compile_template
from app.model.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


Strip = Literal["left", "right", "both"]
Scalar = str | bool | int | float | None


class ChatTemplate:
    """The model's own template: its special tokens become their ids, the same strings in a message do not.

    Args:
        source: Jinja.
        special_tokens: Ids by text.
        named_tokens: Texts of tokens by the names that templates use, `bos_token` and `eos_token` among them.
        strips: Special tokens that take the white space on a side of them away.

    Raises:
        ModelRefusedError: The template cannot be parsed.
    """

    def __init__(
        self,
        source: str,
        special_tokens: Mapping[str, int],
        named_tokens: Mapping[str, str] = MappingProxyType({}),
        strips: Mapping[str, Strip] = MappingProxyType({}),
    ) -> None:
        self._template = compile_template(source)
        self._special_tokens = special_tokens
        self._named_tokens = named_tokens
        self._strips = strips
        longest_first = sorted(special_tokens, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first)) or NOWHERE)

    def tokens(
        self, messages: Sequence[Message], tokenizer: Tokenizer, options: Mapping[str, Scalar] | None = None
    ) -> list[int]:
        """Token ids of a conversation, up to where the assistant's next turn begins.

        Args:
            messages: The conversation.
            tokenizer: For what stands between special tokens.
            options: Further variables of the template.

        Raises:
            InvalidRequestError: The template refuses such a conversation.
        """
        mark = secrets.token_hex(8)
        variables = {name: self._marked(value, mark) for name, value in (options or {}).items()}
        turns = [
            {"role": message.role, "content": self._marked(message.content, mark)} for message in messages
        ]
        try:
            text = self._template.render(
                {
                    **self._named_tokens,
                    **variables,
                    "messages": turns,
                    "tools": None,
                    "documents": None,
                    "add_generation_prompt": True,
                }
            )
        except Exception:  # the template is somebody's program: it may fail in any way
            raise InvalidRequestError("messages", "the model's chat template refuses them") from None
        return self._ids(text, mark, tokenizer)

    def _ids(self, text: str, mark: str, tokenizer: Tokenizer) -> list[int]:
        ids: list[int] = []
        start, strip = 0, ""
        for found in [*self._special.finditer(text), None]:
            part = text[start : found.start() if found else len(text)]
            part = part.lstrip() if strip in ("right", "both") else part
            start, strip = (found.end(), self._strips.get(found[0], "")) if found else (0, "")
            part = part.rstrip() if strip in ("left", "both") else part
            if part:
                ids += tokenizer.tokenize(part.replace(mark, ""))
            if found:
                ids.append(self._special_tokens[found[0]])
        return ids

    def _marked(self, value: Scalar, mark: str) -> Scalar:
        """A client's text in which no special token can be found: a mark is set into each."""
        if not isinstance(value, str):
            return value
        return self._special.sub(lambda found: found[0][0] + mark + found[0][1:], value)


NOWHERE = r"(?!)"
"""A pattern that nothing matches."""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A prompt that is a conversation.

    Attributes:
        options: Further variables of the template, from the request.
        field: Of the request, for errors.
    """

    messages: tuple[Message, ...]
    template: ChatTemplate
    options: Mapping[str, Scalar] = field(default_factory=dict)
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
        """Of all messages, and of the texts among the options."""
        texts = [*(message.content for message in self.messages), *self.options.values()]
        return sum(len(text) for text in texts if isinstance(text, str))

    def filtered(self, guard: Callable[[str], str]) -> ChatPrompt:
        """The conversation with each message, and each text among the options, as the guard lets it pass."""
        messages = tuple(replace(message, content=guard(message.content)) for message in self.messages)
        options = {name: guard(v) if isinstance(v, str) else v for name, v in self.options.items()}
        return replace(self, messages=messages, options=options)

    def tokens(self, tokenizer: Tokenizer) -> list[int]:
        """Token ids of the conversation."""
        return self.template.tokens(self.messages, tokenizer, self.options)
