"""What request bodies are made of: a strict model, and the numbers and texts that fields hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.completion.limits import LARGEST_SEED, MOST_STOPS
from app.completion.phrases import LONGEST_PHRASE, MOST_PHRASES
from app.http.schemas.limit_check import AtMost


class Body(BaseModel):
    """A request's body: unknown fields, other types and numbers that are not finite are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


def _whole(value: object) -> object:
    """JSON knows one kind of number: 7.0 is as good an integer as 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Whole = BeforeValidator(_whole)

Count = Annotated[int, Field(ge=1), _Whole]
Natural = Annotated[int, Field(ge=0), _Whole]
TopK = Annotated[int, Field(ge=0, le=1_000_000), _Whole]
Seed = Annotated[int, Field(ge=-LARGEST_SEED, le=LARGEST_SEED), _Whole]

Temperature = Annotated[float, Field(ge=0, le=2)]
Share = Annotated[float, Field(ge=0, le=1)]
RepetitionPenalty = Annotated[float, Field(ge=0.5, le=2)]
Penalty = Annotated[float, Field(ge=-2, le=2)]

NonEmpty = Annotated[str, Field(min_length=1)]
Stop = Annotated[
    NonEmpty | Annotated[list[NonEmpty], Field(max_length=MOST_STOPS)] | None, AtMost("stop_characters")
]
Phrases = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=LONGEST_PHRASE)]], Field(max_length=MOST_PHRASES)
]
