"""The routes of the service, one file a family."""

from __future__ import annotations

from fastapi import APIRouter

from app.routes import chat, complete, completions, models, operations, pages, text
from app.settings import Settings


def routers_of(settings: Settings) -> list[APIRouter]:
    """The routers that the settings ask for."""
    return [
        complete.router,
        completions.router,
        chat.router,
        models.router,
        text.router,
        operations.router,
        *([operations.metrics_router] if settings.metrics != "off" else []),
        *([pages.playground_router] if settings.playground else []),
        *([pages.docs_router] if settings.docs else []),
    ]
