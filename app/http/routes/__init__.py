"""The routes of the service, one file a family."""

from __future__ import annotations

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from app.http.routes import chat, complete, completions, infill, models, operations, pages, responses, text
from app.settings import Settings


def routes_of(settings: Settings) -> list[BaseRoute]:
    """The routes that the settings ask for."""
    routers = [
        complete.router,
        completions.router,
        chat.router,
        responses.router,
        infill.json_router,
        infill.router,
        models.router,
        text.router,
        operations.router,
        pages.module_router,
        *([operations.metrics_router] if settings.metrics != "off" else []),
        *([pages.playground_router] if settings.playground else []),
        *([pages.docs_router] if settings.docs else []),
    ]
    return [
        *(route for router in routers for route in router.routes if isinstance(route, APIRoute)),
        Mount("/static", pages.static_files()),
        Mount("/docs-assets", pages.docs_assets()),
    ]
