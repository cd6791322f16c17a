"""Requests and answers of `/tokenize`, `/detokenize` and `/moderate`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from app.http.schemas.fields import FIRST, Body, Count, Natural
from app.http.schemas.limit_check import AtMost
from app.http.schemas.window import WindowReport

Text = Annotated[str, AtMost("prompt_characters")]


class TokenizeRequest(Body):
    """A text to tokenize."""

    text: Text = Field(description="Special tokens in it are plain text", examples=["Hello world"])
    context_window: Annotated[Count | None, AtMost("window_tokens")] = Field(
        default=None, description="Window to try, in tokens"
    )


class TokenizeAnswer(BaseModel):
    """Token ids, and what `/complete` would keep of them."""

    ids: list[int] = Field(description="Of the text; a start token that the model has is not one of them")
    count: int
    window: WindowReport


class DetokenizeRequest(Body):
    """Token ids to turn into text."""

    ids: Annotated[list[Natural], FIRST, AtMost("token_id")] = Field(max_length=8192, examples=[[19556, 905]])


class DetokenizeAnswer(BaseModel):
    """The text; bytes that are no character are replaced by U+FFFD."""

    text: str


class ModerateRequest(Body):
    """A text for the guard."""

    text: Text = Field(examples=["a harmless text"])


class FlaggedSpan(BaseModel):
    """Where the guard found something, in characters."""

    start: int
    end: int
    category: str
    severity: int


class ModerateAnswer(BaseModel):
    """What the guard found; never the words themselves."""

    flagged: bool
    spans: list[FlaggedSpan]
    categories: list[str]
