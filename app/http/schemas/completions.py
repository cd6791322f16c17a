"""Request and answers of `/v1/completions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from app.completion.job import Choice, Piece, TokenLogprob
from app.http.schemas.fields import Count, Natural, NonEmpty
from app.http.schemas.limit_check import AtMost
from app.http.schemas.openai import OpenAIRequest, OpenAIUsage, Reason, Unsupported


class CompletionRequest(OpenAIRequest):
    """OpenAI's request for a completion."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "any", "prompt": "The quick brown fox", "max_tokens": 32}]}
    )

    prompt: NonEmpty | Annotated[list[NonEmpty], Field(min_length=1)] = Field(
        description="Text to continue, or several"
    )
    max_tokens: Annotated[Count | None, AtMost("max_tokens")] = None
    echo: bool | None = None
    logprobs: Annotated[Natural | None, AtMost("logprobs")] = None
    best_of: Literal[1] | None = Field(default=None, description="Ranking several samples is not supported")
    suffix: Unsupported = None
    token_healing: bool | None = Field(
        default=None,
        description="Complete an unfinished last word; off by default, since OpenAI's clients expect tokens "
        "that begin behind the prompt",
    )

    @property
    def prompts(self) -> list[str]:
        """The prompts, one or several."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt


class CompletionLogprobs(BaseModel):
    """Log probabilities of the tokens shown, in parallel lists."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]

    @classmethod
    def of(cls, tokens: Sequence[TokenLogprob], echoed: int) -> Self:
        """Report tokens of a text that begins with so many characters of the prompt."""
        return cls(
            tokens=[token.token for token in tokens],
            token_logprobs=[token.logprob for token in tokens],
            top_logprobs=[dict(token.top) for token in tokens],
            text_offset=[echoed + token.offset for token in tokens],
        )


class CompletionChoice(BaseModel):
    """One completion, or a piece of it."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: Reason | None

    @classmethod
    def of(cls, part: Choice | Piece, reason: Reason | None, echoed: int) -> Self:
        """Report a choice or a piece of one, whose text begins with so many characters of the prompt."""
        logprobs = None if part.logprobs is None else CompletionLogprobs.of(part.logprobs, echoed)
        return cls(index=part.index, text=part.text, logprobs=logprobs, finish_reason=reason)


class Completion(BaseModel):
    """OpenAI's answer, and each event of its stream."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int = Field(description="Seconds since 1970")
    model: str
    system_fingerprint: str = Field(description="Changes with the model file")
    choices: list[CompletionChoice]
    usage: OpenAIUsage | None = None
