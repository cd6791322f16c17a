"""Request and answers of `/infill`, in llama.cpp's shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue, with_config
from typing_extensions import TypedDict

from app.completion.job import Choice, Outcome, Piece
from app.engine.messages import Sampling
from app.http.schemas.fields import FIRST, LARGEST, Body, Count, Natural, Whole
from app.http.schemas.openai import Ignored
from app.http.schemas.sampling import TypingRequest

MOST_SNIPPETS = 256
MOST_FIELDS = 32


class ExtraContext(Body):
    """A piece of another file."""

    text: str
    filename: str = "tmp"
    time: Ignored = None


class InfillRequest(TypingRequest):
    """llama.cpp's request for the text at a caret, as its plugins for editors send it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "input_prefix": "def greet(name):\n",
                    "prompt": "    return ",
                    "input_suffix": "\n\nprint(greet('World'))\n",
                    "input_extra": [{"filename": "names.py", "text": "NAMES = ['World']\n"}],
                    "n_predict": 32,
                }
            ]
        }
    )

    input_prefix: str = Field(description="Text before the caret; of a long one the newest tokens are seen")
    input_suffix: str = Field(description="Text behind the caret; of a long one its beginning is seen")
    input_extra: Annotated[list[ExtraContext], FIRST] = Field(
        default=[],
        max_length=MOST_SNIPPETS,
        description="Pieces of other files, the nearest last: they fill what the sequence has left",
    )
    prompt: str = Field(
        default="", description="Text right before the caret, behind input_prefix; always seen"
    )
    n_predict: Annotated[int, Field(ge=-1, le=LARGEST), Whole] | None = Field(
        default=None,
        description="Most tokens to generate, lowered to what there is room for; -1 for as many; 0 for none: "
        "the prompt is computed, for requests that follow",
    )
    n_indent: Natural = Field(
        default=0,
        description="The text ends before a further line with fewer spaces and tabs at its beginning",
    )
    n_cmpl: Count = Field(
        default=1, description="Completions to make, lowered to the limit; at temperature 0 one"
    )
    t_max_predict_ms: Annotated[int, Field(ge=-1, le=LARGEST), Whole] | None = Field(
        default=None, description="The text ends at the first line break after so many milliseconds"
    )
    token_healing: bool | None = Field(
        default=None, description="Complete an unfinished word before the caret; true where the file permits"
    )
    response_fields: Annotated[list[str], FIRST, Field(max_length=MOST_FIELDS)] | None = Field(
        default=None, description="Fields to answer with; that of an object is written `timings/prompt_n`"
    )
    stream: bool = Field(default=False, description="Answer with server-sent events")
    model: str | None = Field(default=None, max_length=256, description="Any name")
    samplers: Ignored = None
    t_max_prompt_ms: Ignored = None
    cache_prompt: Ignored = None
    id_slot: Ignored = None
    lora: Ignored = None
    n_keep: Ignored = None
    n_probs: Ignored = None
    repeat_last_n: Ignored = None
    repeat_penalty: Ignored = None
    typical_p: Ignored = None


EXAMPLE: dict[str, JsonValue] = {
    "index": 0,
    "content": "f'Hello, {name}!'",
    "stop": True,
    "model": "qwen2.5-coder-0.5b",
    "tokens_predicted": 8,
    "tokens_evaluated": 41,
    "tokens_cached": 49,
    "truncated": False,
    "stop_type": "eos",
    "generation_settings": {
        "n_ctx": 2048,
        "temperature": 0.0,
        "top_k": 0,
        "top_p": 1.0,
        "min_p": 0.0,
        "seed": 7,
    },
    "timings": {
        "cache_n": 30,
        "prompt_n": 11,
        "prompt_ms": 22.0,
        "prompt_per_token_ms": 2.0,
        "prompt_per_second": 500.0,
        "predicted_n": 8,
        "predicted_ms": 80.0,
        "predicted_per_token_ms": 10.0,
        "predicted_per_second": 100.0,
    },
}

INFILL_STREAMED: dict[str, Any] = {
    "content": {
        "text/event-stream": {
            "schema": {"type": "object", "properties": {"data": {"type": "string"}}},
            "example": 'data: {"index": 0, "content": "f\'Hel", "stop": false}\n\n'
            'data: {"index": 0, "content": "", "stop": true, …}\n\n',
        }
    }
}


class GenerationSettings(TypedDict):
    """What the text was made with."""

    n_ctx: Annotated[int, Field(description="Prompt and completion together, in tokens")]
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    seed: int


class InfillTimings(TypedDict):
    """Counts and milliseconds; of several completions the slowest."""

    cache_n: Annotated[int, Field(description="Of the prompt's tokens, not computed again")]
    prompt_n: Annotated[int, Field(description="Of the prompt's tokens, computed")]
    prompt_ms: float
    prompt_per_token_ms: float
    prompt_per_second: float
    predicted_n: int
    predicted_ms: float
    predicted_per_token_ms: float
    predicted_per_second: float


@with_config(ConfigDict(json_schema_extra={"example": EXAMPLE}))
class InfillAnswer(TypedDict, total=False):
    """A completed request; with `response_fields` those alone, by the names that the request gave them."""

    index: int
    content: Annotated[str, Field(description="What stands at the caret")]
    stop: Annotated[bool, Field(description="false in a stream, until its last event")]
    model: str
    tokens_predicted: int
    tokens_evaluated: Annotated[int, Field(description="Of the prompt, seen by the model")]
    tokens_cached: Annotated[int, Field(description="Of prompt and completion: what the caches have now")]
    truncated: Annotated[bool, Field(description="Whether something was cut from the prompt")]
    stop_type: Annotated[str, Field(description="eos: by the model, or a stop string; limit: by a limit")]
    generation_settings: GenerationSettings
    timings: InfillTimings


def infill_answer(
    model: str, length: int, sampling: Sampling, outcome: Outcome, choice: Choice, content: str
) -> InfillAnswer:
    """Report a choice of an outcome, whose text may have been streamed before."""
    usage, timings = outcome.usage, outcome.timings
    computed = usage.prompt - usage.cached
    return {
        "index": choice.index,
        "content": content,
        "stop": True,
        "model": model,
        "tokens_predicted": usage.completion,
        "tokens_evaluated": usage.prompt,
        "tokens_cached": usage.prompt + usage.completion,
        "truncated": bool(outcome.window.dropped or outcome.window.shortened),
        "stop_type": "eos" if choice.finish_reason == "stop" else "limit",
        "generation_settings": {
            "n_ctx": length,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "seed": outcome.seed,
        },
        "timings": {
            "cache_n": usage.cached,
            "prompt_n": computed,
            "prompt_ms": timings.prefill_ms,
            "prompt_per_token_ms": _ratio(timings.prefill_ms, computed),
            "prompt_per_second": _ratio(1000 * computed, timings.prefill_ms),
            "predicted_n": usage.completion,
            "predicted_ms": timings.decode_ms,
            "predicted_per_token_ms": _ratio(timings.decode_ms, usage.completion),
            "predicted_per_second": _ratio(1000 * usage.completion, timings.decode_ms),
        },
    }


def infill_piece(piece: Piece) -> InfillAnswer:
    """An event of a stream, before the last."""
    return {"index": piece.index, "content": piece.text, "stop": False}


def chosen_fields(answer: InfillAnswer, names: Sequence[str] | None) -> dict[str, Any]:
    """Those fields of an answer that a request names, by their paths; all where it names none."""
    if not names:
        return dict(answer)
    found = dict[str, Any]()
    for name in names:
        value: Any = answer
        for part in name.split("/"):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            found[name] = value
    return found


def _ratio(amount: float, of: float) -> float:
    return round(amount / of, 3) if of else 0.0
