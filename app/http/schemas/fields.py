"""What request bodies are made of: a strict model, and the numbers and texts that fields hold."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from app.completion.limits import LARGEST_SEED, MOST_STOPS
from app.completion.phrases import LONGEST_PHRASE, MOST_PHRASES
from app.http.schemas.limit_check import AtMost


class Body(BaseModel):
    """A request's body: unknown fields, other types and numbers that are not finite are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


def _whole(value: object) -> object:
    """JSON knows one kind of number: 7.0 is as good an integer as 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)

LARGEST = LARGEST_SEED
"""Of every integer, also where it is lowered to another limit."""

Count = Annotated[int, Field(ge=1, le=LARGEST), Whole]
Natural = Annotated[int, Field(ge=0, le=LARGEST), Whole]
TopK = Annotated[int, Field(ge=0, le=1_000_000), Whole]
Seed = Annotated[int, Field(ge=-LARGEST_SEED, le=LARGEST_SEED), Whole]

Temperature = Annotated[float, Field(ge=0, le=2)]
SessionName = Annotated[str, Field(min_length=1, max_length=256)]
Share = Annotated[float, Field(ge=0, le=1)]
RepetitionPenalty = Annotated[float, Field(ge=0.5, le=2)]
Penalty = Annotated[float, Field(ge=-2, le=2)]

NonEmpty = Annotated[str, Field(min_length=1)]

FIRST = Field(fail_fast=True)
"""Marks a list whose first wrong item is enough: a body has room for thousands, each with a report."""


def _form(value: Any) -> str | None:
    """Which form a value that may be one or many has: what is wrong with it is said of that form alone."""
    return "one" if isinstance(value, str) else "many" if isinstance(value, list) else None


def one_or_many(of: str) -> Discriminator:
    """Tells a text from a list; see `One` and `Many`."""
    return Discriminator(
        _form, custom_error_type="one_or_many", custom_error_message=f"should be a string or a list of {of}"
    )


ONE, MANY = Tag("one"), Tag("many")

Stop = Annotated[
    Annotated[
        Annotated[NonEmpty, ONE] | Annotated[list[NonEmpty], FIRST, Field(max_length=MOST_STOPS), MANY],
        one_or_many("strings"),
    ]
    | None,
    AtMost("stop_characters"),
]
Phrases = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=LONGEST_PHRASE)]],
    FIRST,
    Field(max_length=MOST_PHRASES),
]
