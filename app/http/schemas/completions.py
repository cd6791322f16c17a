"""Request and answers of `/v1/completions`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from app.completion.job import Choice, Piece, TokenLogprob
from app.http.schemas.constraint import ConstrainedRequest
from app.http.schemas.fields import FIRST, Count, Natural, NonEmpty
from app.http.schemas.limit_check import AtMost
from app.http.schemas.openai import OpenAIRequest, OpenAIUsage, Reason
from app.http.schemas.token_text import token_text, top_texts
from app.http.schemas.window import WindowReport

Ids = Annotated[list[Natural], FIRST, Field(min_length=1)]


def _form(prompt: Any) -> str | None:
    """Which of the forms of a prompt this is, so that an error speaks of that form alone."""
    match prompt:
        case str():
            return "text"
        case [] | [str(), *_]:
            return "texts"
        case [list(), *_]:
            return "lists"
        case list():
            return "ids"
    return None


class CompletionRequest(OpenAIRequest, ConstrainedRequest):
    """OpenAI's request for a completion."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "any", "prompt": "The quick brown fox", "max_tokens": 32}]}
    )

    prompt: Annotated[
        Annotated[NonEmpty, Tag("text")]
        | Annotated[list[NonEmpty], FIRST, Field(min_length=1), Tag("texts")]
        | Annotated[Ids, Tag("ids")]
        | Annotated[list[Ids], FIRST, Field(min_length=1), Tag("lists")],
        Discriminator(
            _form,
            custom_error_type="prompt_form",
            custom_error_message="should be a string, a list of strings, or one or more lists of token ids",
        ),
    ] = Field(description="Text to continue, or several; also as token ids")
    max_tokens: Natural | None = Field(
        default=None, description="Lowered to what there is room for; 0 scores the prompt"
    )
    echo: bool | None = None
    logprobs: Annotated[Natural | None, AtMost("logprobs")] = None
    best_of: Count | None = Field(
        default=None, description="The value of n: ranking more samples than are shown is not supported"
    )
    suffix: Annotated[str | None, AtMost("prompt_characters")] = Field(
        default=None, description="Text behind the completion, as on /complete"
    )
    token_healing: bool | None = Field(
        default=None,
        description="Complete an unfinished last word; off by default, since OpenAI's clients expect tokens "
        "that begin behind the prompt",
    )

    @property
    def prompts(self) -> list[str] | list[list[int]]:
        """The prompts, one or several, each a text or token ids."""
        if isinstance(self.prompt, str):
            return [self.prompt]
        several: list[Any] = self.prompt
        return [several] if isinstance(several[0], int) else several


class CompletionLogprobs(BaseModel):
    """Log probabilities of the tokens shown, in parallel lists."""

    tokens: list[str] = Field(description="A token that is part of a character: bytes:\\xf0\\x9f")
    token_logprobs: list[float | None] = Field(description="null for the first token of a prompt")
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]

    @classmethod
    def of(cls, tokens: Sequence[TokenLogprob], echoed: int) -> Self:
        """Report tokens of a text that begins with so many characters of the prompt."""
        return cls(
            tokens=[token_text(token.data, "bytes:") for token in tokens],
            token_logprobs=[token.logprob for token in tokens],
            top_logprobs=[None if token.top is None else top_texts(token.top, "bytes:") for token in tokens],
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
    window: WindowReport | None = Field(
        default=None, description="What was cut from the prompts; of several the one that lost most"
    )
