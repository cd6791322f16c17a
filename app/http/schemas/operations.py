"""Answers of the operator's routes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from app.completion.limits import LargestValues, Limits
from app.model.loader import Kind
from app.model.manifest import SignatureSpec


class Alive(BaseModel):
    """The process and its engine work."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """A real completion has run, and requests are welcome."""

    status: Literal["ready"] = "ready"


class RuntimeReport(BaseModel):
    """What runs the model."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class LimitsReport(LargestValues):
    """Largest accepted values."""

    sequence_tokens: Annotated[int, Field(description="Prompt and completion together")]

    @classmethod
    def of(cls, limits: Limits) -> Self:
        """Report limits."""
        return cls(**{each.name: getattr(limits, each.name) for each in fields(cls)})


class ModelReport(BaseModel):
    """Identity of the model that is served."""

    id: str
    sha256: str
    bytes: int
    source: str
    licence: str
    quantization: str
    parameters: int
    sequence_length: int
    default_window: int
    vocabulary_size: int
    signatures: dict[str, SignatureSpec]
    custom_ops: list[str]
    kind: Kind = Field(description="What kind of file it is: docs/models.md says what each can do")
    slots: int = Field(description="Sequences decoded at the same time; requests queue for them")
    fills: bool = Field(description="Whether the model has tokens for filling in the middle: /infill")
    heals: bool = Field(description="Whether an unfinished word at the end of a prompt is completed")
    refused: list[str] = Field(description="Fields of requests that this file cannot honour: 422")
    runtime: RuntimeReport
    guard_version: str
    chat: bool = Field(description="Whether /v1/chat/completions is answered")
    defaults: dict[str, float] = Field(description="What a request gets that does not say")
    limits: LimitsReport
