"""What the window did to a prompt."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from app.completion.context_window import Window


class WindowReport(TypedDict):
    """What the window did to the prompt."""

    limit: Annotated[int, Field(description="Most tokens it keeps")]
    dropped_tokens: Annotated[int, Field(description="Cut from the beginning")]
    truncated: bool


def window_report(window: Window) -> WindowReport:
    """Report a window."""
    return {
        "limit": window.limit,
        "dropped_tokens": window.dropped,
        "truncated": window.dropped > 0 or window.shortened,
    }
