"""Request and answers of `/complete`.

Answers are typed dictionaries: mypy has checked what is in them, so they are written without another check.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, JsonValue, with_config
from typing_extensions import TypedDict

from app.completion.defaults import given
from app.completion.job import Choice, FinishReason, Outcome, Piece, Policy
from app.http.schemas.constraint import ConstrainedRequest
from app.http.schemas.fields import Count, Natural, NonEmpty, Phrases, SessionName, Share
from app.http.schemas.limit_check import AtMost
from app.http.schemas.sampling import TypingRequest
from app.http.schemas.token_text import token_text, top_texts
from app.http.schemas.window import WindowReport, window_report


class CompleteRequest(TypingRequest, ConstrainedRequest):
    """A prompt and how to continue it; what is absent or null takes the server's default."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "The quick brown fox", "max_tokens": 32, "temperature": 0.2, "seed": 7},
                {"prompt": "def add(a, b):\n", "max_tokens": 64, "stop": ["\n\n"], "stream": True},
            ]
        }
    )

    prompt: NonEmpty = Field(description="Text to continue, up to the caret")
    max_tokens: Annotated[Count | None, AtMost("max_tokens")] = Field(
        default=None, description="Most tokens to generate"
    )
    n: Annotated[Count, AtMost("choices")] = Field(default=1, description="Completions to make")
    logprobs: Annotated[Natural | None, AtMost("logprobs")] = Field(
        default=None, description="Report each token's log probability, and those of this many alternatives"
    )
    stream: bool = Field(default=False, description="Answer with server-sent events")
    echo: bool = Field(default=False, description="Begin the text with the prompt")
    context_window: Annotated[Count | None, AtMost("window_tokens")] = Field(
        default=None, description="Most tokens of the prompt that the model sees: the newest"
    )
    truncation: Literal["left", "error"] = Field(
        default="left",
        description="What happens to a prompt longer than its window: cut at its beginning, or refused",
    )
    token_healing: bool | None = Field(
        default=None,
        description="Complete an unfinished word at the prompt's end; true where the model file permits",
    )
    until: Literal["word", "sentence", "line", "token"] | None = Field(
        default=None,
        description="End the text behind its first word, sentence or line; token: also inside a word. "
        "Absent: behind its last whole word",
    )
    min_confidence: Share | None = Field(
        default=None,
        description="Show nothing unless the first word is as sure as this; end the text before the word at "
        "which the product of all falls below a hundredth of it",
    )
    alternatives: Annotated[Natural | None, AtMost("alternatives")] = Field(
        default=None, description="Other first words to suggest beside the likeliest; each takes a slot"
    )
    phrases: Phrases | None = Field(
        default=None, description="The person's own words and phrases, preferred where they fit what is typed"
    )
    suffix: Annotated[str | None, AtMost("prompt_characters")] = Field(
        default=None,
        description="Text behind the caret: the model reads it, or the completion ends where it runs into it",
    )
    session: SessionName | None = Field(
        default=None,
        description="Any name of one place where somebody types: a newer request ends the one before (409)",
    )
    profanity: Literal["mask", "reject"] | None = Field(
        default=None, description="A stricter policy than the server's; a laxer one is ignored"
    )
    timeout_ms: Annotated[Count | None, AtMost("timeout_ms")] = Field(
        default=None, description="Milliseconds until an answer must be there, complete or not"
    )


EXAMPLE: dict[str, JsonValue] = {
    "id": "cmpl-4f2a",
    "model": "smollm2-135m-instruct",
    "choices": [{"index": 0, "text": " jumps over the lazy dog.", "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 4, "completion_tokens": 7, "total_tokens": 11, "cached_tokens": 0},
    "window": {"limit": 256, "dropped_tokens": 0, "truncated": False},
    "guard": {"policy": "reject", "attempts": 1},
    "timings": {"queue_ms": 0.1, "prefill_ms": 9.5, "decode_ms": 61.2, "first_token_ms": 11.8},
    "seed": 7,
}

STREAMED: dict[str, Any] = {
    "content": {
        "text/event-stream": {
            "schema": {"type": "object", "properties": {"data": {"type": "string"}}},
            "example": 'data: {"id": "cmpl-4f2a", "choices": [{"index": 0, "text": " jumps", …}]}\n\n'
            'data: {"id": "cmpl-4f2a", "choices": [{"index": 0, "text": "", …}], "usage": …}\n\n'
            "data: [DONE]\n\n",
        }
    }
}


class TokenInfo(TypedDict):
    """A token that was generated."""

    token: Annotated[str, Field(description="Bytes that are no character are written \\xf0\\x9f")]
    bytes: list[int]
    logprob: Annotated[
        float, Field(description="Natural logarithm of its probability, before temperature and cuts")
    ]
    top: Annotated[dict[str, float], Field(description="The likeliest tokens at its place, with theirs")]


class AlternativeReport(TypedDict):
    """Another suggestion."""

    text: str
    confidence: Annotated[float, Field(description="Probability of its first word, given everything typed")]


class CompletedChoice(TypedDict):
    """One completion."""

    index: int
    text: str
    finish_reason: Annotated[FinishReason | None, Field(description="null in a stream, until its last event")]
    logprobs: NotRequired[Annotated[list[TokenInfo], Field(description="Where they were asked for")]]
    healed: NotRequired[
        Annotated[int, Field(description="Typed characters that the first tokens were written over")]
    ]
    confidence: NotRequired[
        Annotated[float, Field(description="Probability of the first word, given everything typed")]
    ]
    word_confidence: NotRequired[
        Annotated[list[float], Field(description="Of each word, given the words before it")]
    ]
    alternatives: NotRequired[list[AlternativeReport]]


class UsageReport(TypedDict):
    """Tokens of the request."""

    prompt_tokens: Annotated[int, Field(description="Seen by the model")]
    completion_tokens: int
    total_tokens: int
    cached_tokens: Annotated[int, Field(description="Of the prompt's, not computed again")]


class GuardReport(TypedDict):
    """What the guard did."""

    policy: Policy
    attempts: Annotated[int, Field(description="Samples made; more than one where completions were rejected")]


class TimingsReport(TypedDict):
    """Where the time went, in milliseconds; of several choices the slowest."""

    queue_ms: Annotated[float, Field(description="Waiting for a slot")]
    prefill_ms: Annotated[float, Field(description="Computing the prompt")]
    decode_ms: Annotated[float, Field(description="From the first token to the last")]
    first_token_ms: Annotated[float, Field(description="From the request's admission to its first token")]


@with_config(ConfigDict(json_schema_extra={"example": EXAMPLE}))
class CompleteAnswer(TypedDict):
    """A completed request."""

    id: str
    model: str
    choices: list[CompletedChoice]
    usage: UsageReport
    window: WindowReport
    guard: GuardReport
    timings: TimingsReport
    seed: Annotated[int, Field(description="Gives the same text again")]


class CompletePiece(TypedDict):
    """An event of a stream, before the last."""

    id: str
    choices: list[CompletedChoice]


def choice_report(part: Choice | Piece, reason: FinishReason | None) -> CompletedChoice:
    """Report a choice, or a piece of it."""
    report: CompletedChoice = {"index": part.index, "text": part.text, "finish_reason": reason}
    if part.logprobs is not None:
        report["logprobs"] = [
            {
                "token": token_text(token.data),
                "bytes": list(token.data),
                "logprob": given(token.logprob, 0.0),
                "top": top_texts(token.top or ()),
            }
            for token in part.logprobs
        ]
    if isinstance(part, Choice):
        report["healed"] = part.healed
        if part.confidence is not None:
            report["confidence"] = round(part.confidence, 4)
            report["word_confidence"] = [round(value, 4) for value in part.word_confidence]
        if part.alternatives:
            report["alternatives"] = [
                {"text": other.text, "confidence": round(other.confidence, 4)} for other in part.alternatives
            ]
    return report


def complete_answer(
    identity: str, model: str, outcome: Outcome, choices: list[CompletedChoice]
) -> CompleteAnswer:
    """Report an outcome with its choices, whose text may have been streamed before."""
    usage, timings = outcome.usage, outcome.timings
    return {
        "id": identity,
        "model": model,
        "choices": choices,
        "usage": {
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion,
            "total_tokens": usage.prompt + usage.completion,
            "cached_tokens": usage.cached,
        },
        "window": window_report(outcome.window),
        "guard": {"policy": outcome.policy, "attempts": outcome.attempts},
        "timings": {
            "queue_ms": timings.queue_ms,
            "prefill_ms": timings.prefill_ms,
            "decode_ms": timings.decode_ms,
            "first_token_ms": timings.first_token_ms,
        },
        "seed": outcome.seed,
    }
