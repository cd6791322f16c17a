"""What requests and answers of OpenAI's two completion routes share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, JsonValue, WithJsonSchema

from app.completion.job import FinishReason, Outcome
from app.completion.limits import MOST_STOPS
from app.http.schemas.fields import FIRST, Body, Count, Natural, Whole
from app.http.schemas.limit_check import AtMost
from app.http.schemas.sampling import SamplingRequest
from app.model.manifest import Manifest

Reason = Literal["stop", "length", "content_filter"]


NEUTRAL: list[JsonValue] = [None, "", [], {}, False, "none", "auto", ["text"], {"type": "text"}]
"""Values that ask for nothing, or for what is done anyway; OpenAI's clients send some by default."""


def _is_neutral(value: Any) -> bool:
    return any(value == neutral and type(value) is type(neutral) for neutral in NEUTRAL)


def _refuse(value: Any) -> None:
    if not _is_neutral(value):
        raise ValueError("not supported by this service")


Unsupported = Annotated[Any, AfterValidator(_refuse), WithJsonSchema({"enum": NEUTRAL})]
"""A field that this service cannot honour: refused by its name unless it asks for nothing."""


class WithoutEffect:
    """Marks a field that changes nothing."""


Ignored = Annotated[Any, WithoutEffect(), WithJsonSchema({})]
"""A field that does not change the answer: accepted, and named in the header `X-Warning`."""


def ignored_fields(body: BaseModel) -> list[str]:
    """Dotted names of the fields without effect that a body gives a value, each once."""
    found: dict[str, None] = {}
    for name in body.model_fields_set:
        value = getattr(body, name)
        if any(isinstance(mark, WithoutEffect) for mark in type(body).model_fields[name].metadata):
            if not _is_neutral(value):
                found[name] = None
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, BaseModel):
                found |= {f"{name}.{inner}": None for inner in ignored_fields(part)}
    return sorted(found)


OPENAI_STREAMED: dict[str, Any] = {
    "content": {
        "text/event-stream": {
            "schema": {"type": "object", "properties": {"data": {"type": "string"}}},
            "example": 'data: {"id":"cmpl-4f2a", …, "choices":[…],"usage":null}\n\ndata: [DONE]\n\n',
        }
    }
}


MOST_BIASED = 300
TOKEN_ID = "^(0|[1-9][0-9]{0,6})$"


def _few(value: Any) -> Any:
    """See that there are not too many, before each of them is looked at."""
    if isinstance(value, dict) and len(value) > MOST_BIASED:
        raise ValueError(f"at most {MOST_BIASED} tokens are accepted")
    return value


Bias = Annotated[
    dict[Annotated[str, Field(pattern=TOKEN_ID)], Annotated[float, Field(ge=-100, le=100)]],
    BeforeValidator(_few),
    WithJsonSchema(
        {
            "type": "object",
            "patternProperties": {TOKEN_ID: {"type": "number", "minimum": -100, "maximum": 100}},
            "additionalProperties": False,
            "maxProperties": MOST_BIASED,
        }
    ),
]
"""Token ids, as text, and a number for each."""


class StreamOptions(Body):
    """Options of a stream."""

    include_usage: bool = Field(
        default=False, description="Whether an event with the token counts comes before the end"
    )
    include_obfuscation: Ignored = None
    continuous_usage_stats: Ignored = None


class OpenAIRequest(SamplingRequest):
    """Fields of both routes. Any model name is accepted: one model is served, and the answer names it."""

    model: Annotated[str, Field(max_length=256)] = Field(
        description="Any name", examples=["smollm2-135m-instruct"]
    )
    top_k: Annotated[int, Field(ge=-1, le=1_000_000), Whole] | None = Field(
        default=None, description="Choose among this many tokens; 0 and -1 among all"
    )
    logit_bias: Bias | None = Field(default=None, description="Added to the logits of these token ids")
    min_tokens: Annotated[Natural | None, AtMost("max_tokens")] = Field(
        default=None, description="Tokens before which the model may not end the text (vLLM)"
    )
    ignore_eos: bool | None = Field(
        default=None, description="Whether the model may not end the text at all (vLLM, llama.cpp)"
    )
    stop_token_ids: Annotated[Annotated[list[Natural], FIRST] | None, AtMost("token_id")] = Field(
        default=None,
        max_length=MOST_STOPS,
        description="The text ends before the first of these tokens (vLLM)",
    )
    skip_special_tokens: Literal[True] | None = Field(default=None, description="They are never shown")
    include_stop_str_in_output: Unsupported = None
    n: Annotated[Count | None, AtMost("choices")] = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: Ignored = None
    metadata: Ignored = None
    store: Ignored = None
    service_tier: Ignored = None
    safety_identifier: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_retention: Ignored = None
    cache_prompt: Ignored = None
    spaces_between_special_tokens: Ignored = None

    @property
    def includes_usage(self) -> bool:
        """Whether a stream ends with the token counts."""
        return self.stream_options is not None and self.stream_options.include_usage


class PromptDetails(BaseModel):
    """Of the prompt's tokens."""

    cached_tokens: int


class OpenAIUsage(BaseModel):
    """Tokens of a request."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """Report what was completed."""
        prompt = sum(outcome.usage.prompt for outcome in outcomes)
        completion = sum(outcome.usage.completion for outcome in outcomes)
        return cls(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion,
            prompt_tokens_details=PromptDetails(
                cached_tokens=sum(outcome.usage.cached for outcome in outcomes)
            ),
        )


def openai_reason(reason: FinishReason) -> Reason:
    """OpenAI has no word for a deadline: the text is shorter than asked for, as with `length`."""
    if reason == "timeout" or reason == "confidence":
        return "length"
    return reason


def fingerprint(manifest: Manifest) -> str:
    """Changes with the model file."""
    return f"fp_{manifest.sha256[:12]}"
