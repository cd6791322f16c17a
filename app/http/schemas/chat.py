"""Request and answers of `/v1/chat/completions`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from typing_extensions import TypedDict

from app.completion.defaults import given
from app.completion.job import TokenLogprob
from app.completion.job import TopLogprob as TopToken
from app.http.schemas.constraint import ConstrainedRequest
from app.http.schemas.fields import FIRST, MANY, ONE, Body, Count, Natural, one_or_many
from app.http.schemas.limit_check import AtMost
from app.http.schemas.openai import Ignored, OpenAIRequest, OpenAIUsage, Reason, Unsupported
from app.http.schemas.token_text import token_text
from app.http.schemas.window import WindowReport


class TextPart(Body):
    """A part of a message; only text is understood."""

    type: Literal["text"]
    text: str
    cache_control: Ignored = None


class ChatMessage(Body):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[
        Annotated[str, ONE] | Annotated[list[TextPart], FIRST, Field(min_length=1, max_length=64), MANY],
        one_or_many("parts"),
    ]
    name: Ignored = None
    refusal: Unsupported = None
    audio: Unsupported = None
    function_call: Unsupported = None
    tool_calls: Unsupported = None
    annotations: Ignored = None
    type: Ignored = None
    cache_control: Ignored = None
    reasoning_content: Ignored = None
    reasoning: Ignored = None

    @property
    def text(self) -> str:
        """The content as one text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


RESERVED = ("messages", "tools", "documents", "add_generation_prompt", "bos_token", "eos_token")
"""Variables of a chat template that the service decides."""

LONGEST_VARIABLE = 256


def _variables(found: dict[str, Any]) -> dict[str, Any]:
    """See whether a template may be given these.

    Raises:
        ValueError: One is none, or is decided by the service.
    """
    if len(found) > MOST_VARIABLES:
        raise ValueError(f"at most {MOST_VARIABLES} are accepted")
    for name, value in found.items():
        if not re.fullmatch(VARIABLE, name):
            raise ValueError("names are letters, digits and underscores, and begin with a letter")
        if name in RESERVED:
            raise ValueError(f"{name} cannot be set here")
        if len(value) > LONGEST_VARIABLE if isinstance(value, str) else not isinstance(value, PLAIN):
            raise ValueError("a value is a short text, a number, a truth value or null")
    return found


MOST_VARIABLES = 16
VARIABLE = "[A-Za-z][A-Za-z0-9_]{0,63}"
PLAIN = (bool, int, float, type(None))
TemplateVariables = Annotated[
    dict[str, Any],
    AfterValidator(_variables),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MOST_VARIABLES,
            "propertyNames": {"pattern": f"^{VARIABLE}$", "not": {"enum": list(RESERVED)}},
            "additionalProperties": {
                "type": ["string", "number", "boolean", "null"],
                "maxLength": LONGEST_VARIABLE,
            },
        }
    ),
]


class ChatRequest(OpenAIRequest, ConstrainedRequest):
    """OpenAI's request for the next turn of a conversation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "any", "messages": [{"role": "user", "content": "Name three colours."}]}]
        }
    )

    messages: Annotated[list[ChatMessage], FIRST, Field(min_length=1, max_length=256)]
    max_tokens: Count | None = Field(
        default=None, description="Lowered to what there is room for; absent: as many as there is room for"
    )
    max_completion_tokens: Count | None = Field(default=None, description="OpenAI's newer name of max_tokens")
    logprobs: bool | None = None
    top_logprobs: Annotated[Natural | None, AtMost("logprobs")] = None
    parallel_tool_calls: Ignored = None
    chat_template: Unsupported = None
    chat_template_kwargs: TemplateVariables | None = Field(
        default=None,
        description="Further variables of the chat template, such as Qwen3's enable_thinking (vLLM)",
    )
    audio: Unsupported = None
    function_call: Unsupported = None
    functions: Unsupported = None
    modalities: Unsupported = None
    prediction: Unsupported = None
    reasoning_effort: Unsupported = None
    tool_choice: Unsupported = None
    tools: Unsupported = None
    verbosity: Unsupported = None
    web_search_options: Unsupported = None


class TopLogprob(BaseModel):
    """A token and the natural logarithm of its probability."""

    token: str
    logprob: float
    bytes: list[int]

    @classmethod
    def of(cls, top: TopToken) -> Self:
        """Report a token by its bytes."""
        return cls(token=token_text(top.data), logprob=top.logprob, bytes=list(top.data))


class ChatLogprob(TopLogprob):
    """A token that was shown, and its likeliest alternatives."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(BaseModel):
    """Of the tokens shown."""

    content: list[ChatLogprob]

    @classmethod
    def of(cls, tokens: Sequence[TokenLogprob] | None) -> Self | None:
        """Report tokens, where they were asked for."""
        if tokens is None:
            return None
        return cls(
            content=[
                ChatLogprob(
                    token=token_text(token.data),
                    logprob=given(token.logprob, 0.0),
                    bytes=list(token.data),
                    top_logprobs=[TopLogprob.of(top) for top in token.top or ()],
                )
                for token in tokens
            ]
        )


class Reply(BaseModel):
    """The assistant's turn."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    """One reply."""

    index: int
    message: Reply
    logprobs: ChatLogprobs | None
    finish_reason: Reason


class ChatCompletion(BaseModel):
    """OpenAI's answer in a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(description="Seconds since 1970")
    model: str
    system_fingerprint: str = Field(description="Changes with the model file")
    choices: list[ChatChoice]
    usage: OpenAIUsage
    window: WindowReport = Field(description="What was cut from the conversation")


class Delta(TypedDict, total=False):
    """The next part of a reply; the role comes with the first, nothing with the last."""

    role: Literal["assistant"]
    content: str


class ChunkChoice(BaseModel):
    """A part of one reply."""

    index: int
    delta: Delta
    logprobs: ChatLogprobs | None = None
    finish_reason: Reason | None = None


class ChatChunk(BaseModel):
    """An event of a stream."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: OpenAIUsage | None = None
    window: WindowReport | None = None
