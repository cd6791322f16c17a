"""What a service answers to one keystroke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One answer.

    Attributes:
        text: To be shown behind the caret; empty where there is nothing to show.
        confidence: Probability that the first word is right, where the service states it.
        alternatives: Other texts for the same place, best first.
        error: Status and code of a refusal; empty where the service has answered.
        withheld: Whether the guard took a suggestion back.
        healed: Typed characters that the suggestion was written over, where the service states it.
        milliseconds: From the request to the whole answer.
    """

    text: str = ""
    confidence: float | None = None
    alternatives: tuple[str, ...] = ()
    error: str = ""
    withheld: bool = False
    healed: int | None = None
    milliseconds: float = 0.0

    @property
    def shown(self) -> bool:
        """Whether there is anything to see."""
        return bool(self.text.strip())


def refusal(status: int, body: object) -> Suggestion:
    """What an answer with an error status stands for."""
    error = body.get("error") if isinstance(body, Mapping) else None
    code = error.get("code", "") if isinstance(error, Mapping) else ""
    return Suggestion(error=f"{status} {code}".strip())


def suggestion(body: Mapping[str, Any], milliseconds: float) -> Suggestion:
    """Read an answer of `/complete`; fields that a service does not have stay empty."""
    choice = body["choices"][0]
    return Suggestion(
        text=choice["text"],
        confidence=choice.get("confidence"),
        alternatives=tuple(other["text"] for other in choice.get("alternatives") or ()),
        withheld=choice.get("finish_reason") == "content_filter",
        healed=choice.get("healed"),
        milliseconds=milliseconds,
    )
