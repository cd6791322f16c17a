"""Request and answers of `/v1/responses`: text in, text out."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.completion.job import FinishReason, Outcome
from app.http.schemas.fields import FIRST, MANY, ONE, Body, Count, NonEmpty, one_or_many
from app.http.schemas.openai import Ignored, OpenAIRequest, Unsupported
from app.http.schemas.window import WindowReport, window_report

Status = Literal["in_progress", "completed", "incomplete"]


class InputPart(Body):
    """A part of a message; only text is understood."""

    type: Literal["input_text", "output_text", "text"]
    text: str
    annotations: Ignored = None
    logprobs: Ignored = None
    cache_control: Ignored = None


class InputMessage(Body):
    """One turn of a conversation; earlier answers are given back as they came."""

    type: Literal["message"] | None = None
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[
        Annotated[str, ONE] | Annotated[list[InputPart], FIRST, Field(min_length=1, max_length=64), MANY],
        one_or_many("parts"),
    ]
    id: Ignored = None
    status: Ignored = None
    phase: Ignored = None

    @property
    def text(self) -> str:
        """The content as one text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class TextOptions(Body):
    """How the text is to be written."""

    format: Unsupported = None
    verbosity: Ignored = None


class ResponseRequest(OpenAIRequest):
    """OpenAI's newer request for the next turn of a conversation."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "any", "input": "Name three colours."}]}
    )

    input: Annotated[
        Annotated[NonEmpty, ONE]
        | Annotated[list[InputMessage], FIRST, Field(min_length=1, max_length=256), MANY],
        one_or_many("messages"),
    ] = Field(description="A user's message, or a conversation")
    instructions: str | None = Field(default=None, description="A system message before the input")
    max_output_tokens: Count | None = Field(
        default=None, description="Lowered to what there is room for; absent: as many as there is room for"
    )
    truncation: Literal["auto", "disabled"] | None = Field(
        default=None, description="disabled: a conversation over the window is refused; else it loses turns"
    )
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    text: TextOptions | None = None
    include: Ignored = None
    max_tool_calls: Ignored = None
    parallel_tool_calls: Ignored = None
    top_logprobs: Annotated[int, Field(ge=0, le=0)] | None = None
    background: Unsupported = None
    conversation: Unsupported = None
    previous_response_id: Unsupported = None
    prompt: Unsupported = None
    reasoning: Unsupported = None
    tool_choice: Unsupported = None
    tools: Unsupported = None

    @property
    def messages(self) -> list[tuple[str, str]]:
        """The turns, each a role and a text."""
        first = [("system", self.instructions)] if self.instructions else []
        if isinstance(self.input, str):
            return [*first, ("user", self.input)]
        return [*first, *((message.role, message.text) for message in self.input)]


class OutputText(BaseModel):
    """The text of an answer."""

    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[JsonValue] = Field(default=[])
    logprobs: list[JsonValue] = Field(default=[])


class OutputMessage(BaseModel):
    """An answer, or its beginning."""

    id: str
    type: Literal["message"] = "message"
    status: Status
    role: Literal["assistant"] = "assistant"
    content: list[OutputText]


class InputDetails(BaseModel):
    """Of the tokens read."""

    cached_tokens: int


class OutputDetails(BaseModel):
    """Of the tokens written."""

    reasoning_tokens: Literal[0] = 0


class ResponseUsage(BaseModel):
    """Tokens of a request."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails = OutputDetails()
    total_tokens: int

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """Report what was completed."""
        usage = outcome.usage
        return cls(
            input_tokens=usage.prompt,
            input_tokens_details=InputDetails(cached_tokens=usage.cached),
            output_tokens=usage.completion,
            total_tokens=usage.prompt + usage.completion,
        )


class Incomplete(BaseModel):
    """Why an answer is not complete."""

    reason: Literal["max_output_tokens", "content_filter"]


class Response(BaseModel):
    """OpenAI's answer, and what it is while it is written."""

    id: str
    object: Literal["response"] = "response"
    created_at: int = Field(description="Seconds since 1970")
    status: Status = "in_progress"
    model: str
    output: list[OutputMessage] = Field(default=[])
    incomplete_details: Incomplete | None = None
    error: None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    metadata: JsonValue = Field(default={})
    parallel_tool_calls: bool = False
    previous_response_id: None = None
    store: Literal[False] = False
    temperature: float | None = None
    text: dict[str, JsonValue] = Field(default={"format": {"type": "text"}})
    tool_choice: Literal["none"] = "none"
    tools: list[JsonValue] = Field(default=[])
    top_p: float | None = None
    truncation: Literal["auto", "disabled"] = "auto"
    usage: ResponseUsage | None = None
    window: WindowReport | None = Field(default=None, description="What was cut from the conversation")

    def ended(self, outcome: Outcome, message: OutputMessage) -> Response:
        """The complete answer."""
        (choice,) = outcome.choices
        reason = incomplete(choice.finish_reason)
        return self.model_copy(
            update={
                "status": message.status,
                "output": [message],
                "incomplete_details": None if reason is None else Incomplete(reason=reason),
                "usage": ResponseUsage.of(outcome),
                "window": window_report(outcome.window),
            }
        )


def incomplete(reason: FinishReason) -> Literal["max_output_tokens", "content_filter"] | None:
    """OpenAI's word for an end before the model's own; a deadline shortens a text as a length does."""
    if reason == "stop":
        return None
    return "content_filter" if reason == "content_filter" else "max_output_tokens"
