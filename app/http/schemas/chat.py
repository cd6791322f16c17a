"""Request and answers of `/v1/chat/completions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from app.completion.job import TokenLogprob
from app.http.schemas.fields import Body, Count, Natural
from app.http.schemas.limit_check import AtMost
from app.http.schemas.openai import Ignored, OpenAIRequest, OpenAIUsage, Reason, Unsupported


class TextPart(Body):
    """A part of a message; only text is understood."""

    type: Literal["text"]
    text: str


class ChatMessage(Body):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(min_length=1, max_length=64)]
    name: Ignored = None
    refusal: Unsupported = None
    audio: Unsupported = None
    function_call: Unsupported = None
    tool_calls: Unsupported = None
    annotations: Ignored = None

    @property
    def text(self) -> str:
        """The content as one text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatRequest(OpenAIRequest):
    """OpenAI's request for the next turn of a conversation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "any", "messages": [{"role": "user", "content": "Name three colours."}]}]
        }
    )

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=256)]
    max_tokens: Annotated[Count | None, AtMost("max_tokens")] = Field(
        default=None, description="Absent: as many as the sequence length leaves"
    )
    max_completion_tokens: Annotated[Count | None, AtMost("max_tokens")] = Field(
        default=None, description="OpenAI's newer name of max_tokens"
    )
    logprobs: bool | None = None
    top_logprobs: Annotated[Natural | None, AtMost("logprobs")] = None
    parallel_tool_calls: Ignored = None
    audio: Unsupported = None
    function_call: Unsupported = None
    functions: Unsupported = None
    modalities: Unsupported = None
    prediction: Unsupported = None
    reasoning_effort: Unsupported = None
    response_format: Unsupported = None
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
    def of(cls, token: str, logprob: float) -> Self:
        """Report an alternative."""
        return cls(token=token, logprob=logprob, bytes=list(token.encode()))


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
                    token=token.token,
                    logprob=token.logprob,
                    bytes=list(token.token.encode()),
                    top_logprobs=[TopLogprob.of(text, logprob) for text, logprob in token.top],
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
