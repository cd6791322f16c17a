"""The HTTP interface: routes, errors, and the OpenAPI document that promises them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from copy import copy
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount

from app.completion.limits import Limits
from app.http.error_responses import handle_errors
from app.http.schemas.chat import ChatRequest
from app.http.schemas.complete import CompleteRequest
from app.http.schemas.completions import CompletionRequest
from app.http.schemas.fields import Body
from app.http.schemas.infill import InfillRequest
from app.http.schemas.limit_check import describe_limits
from app.http.schemas.responses import ResponseRequest
from app.http.schemas.text import DetokenizeRequest, ModerateRequest, TokenizeRequest
from app.settings import Settings

VERSION = "0.1.0"
"""Of the package, as pyproject.toml has it."""

PROBES = ("/livez", "/readyz", "/health")
"""What balancers and orchestrators ask."""

ALWAYS_OPEN = (*PROBES, "/autocomplete.js", "/", "/static/")
"""Routes that need no API key: probes, the module that pages embed, and the playground with its files."""

ABOUT = """
```sh
curl -s http://127.0.0.1:8000/complete -H 'Content-Type: application/json' \\
  -d '{"prompt": "The capital of France is", "max_tokens": 8}'
```

`/complete` is the native route. `/v1/*` takes OpenAI's clients by their base URL. Where API keys are
configured, every route but `/livez`, `/readyz`, `/health`, `/autocomplete.js` and the playground at `/` wants
one: `Authorization: Bearer KEY`. Every answer has an `X-Request-ID`; every error has one envelope, and under
`/v1` OpenAI's shape. There and on `/infill`, `X-Warning` names the fields of a request that change nothing;
`X-Prompt-Truncated` says how many tokens the window has cut.
"""
"""What a reader of the documentation sees first."""

BODIES: tuple[type[Body], ...] = (
    CompleteRequest,
    CompletionRequest,
    InfillRequest,
    ChatRequest,
    ResponseRequest,
    TokenizeRequest,
    DetokenizeRequest,
    ModerateRequest,
)
"""Every request body of the service."""


def build_api(
    settings: Settings,
    limits: Limits,
    *,
    routes: Sequence[BaseRoute],
    middleware: Sequence[Middleware] = (),
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """The interface without what answers; its routes find that in `app.state.service`."""
    app = FastAPI(
        title="Autocomplete",
        summary="Text completion by one self-contained TensorFlow Lite model.",
        description=ABOUT,
        version=VERSION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=middleware,
        lifespan=lifespan,
        # Traces where OpenTelemetry is set up; its logs could quote a request, and metrics are Prometheus'.
        telemetry={"logs": False, "metrics": False},
    )
    for route in routes:  # not by include_router: that matches each request three times
        if isinstance(route, APIRoute):
            route.unique_id = route.name  # the document's operationId
            if route.methods and "GET" in route.methods:
                route.methods.add("HEAD")  # RFC 9110, 9.1; the server leaves out the body
        app.router.routes.append(route)
    if settings.docs:
        app.add_route("/openapi.json", _document_answer, include_in_schema=False)
    handle_errors(app)
    app.openapi = lambda: _document(app, limits)  # type: ignore[method-assign]
    return app


async def _document_answer(request: Request) -> Response:
    """The document, made beside the event loop: that takes most of a second, with the first request."""
    document = await asyncio.to_thread(request.app.openapi)
    return JSONResponse(document)


def countable_paths(routes: Sequence[BaseRoute]) -> frozenset[str]:
    """Paths that counts and log lines may name: they hold nothing of the client's making."""
    return frozenset(route.path for route in routes if isinstance(route, (APIRoute, Mount)))


def _documented(route: BaseRoute) -> BaseRoute:
    """The route without HEAD, which is GET once more."""
    if isinstance(route, APIRoute):
        route = copy(route)
        route.methods = (route.methods or set()) - {"HEAD"}
    return route


def _document(app: FastAPI, limits: Limits) -> dict[str, Any]:
    """The framework's document, with this service's limits and its API key."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            summary=app.summary,
            description=app.description,
            version=app.version,
            routes=[_documented(route) for route in app.routes],
        )
        schemas = document["components"]["schemas"]
        for model in BODIES:
            describe_limits(schemas[model.__name__], model, limits)
        for address, path in document["paths"].items():
            for operation in path.values():
                if address in PROBES:
                    operation["security"] = []
                if operation["responses"].get("422", {}).get("description") == "Validation Error":
                    del operation["responses"]["422"]  # a path parameter is any text
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"key": []}]
        app.openapi_schema = document
    return app.openapi_schema
