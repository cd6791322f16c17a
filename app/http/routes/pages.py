"""Pages for people: the playground, the module that it is made of, and the API's documentation."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Response
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parents[1] / "static"

DOCS_ASSETS = Path(str(files("fastapi_offline") / "static"))

REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"

STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
PLAYGROUND_POLICY = STRICT + "script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
DOCS_POLICY = STRICT + (
    "script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
    " connect-src 'self'; worker-src blob:"
)
"""Swagger UI and ReDoc write styles into the page, and ReDoc searches in a worker."""

MODULE = STATIC / "autocomplete" / "autocomplete.js"
"""What other pages embed, and the playground too."""

module_router = APIRouter(include_in_schema=False)
playground_router = APIRouter(include_in_schema=False)
docs_router = APIRouter(include_in_schema=False)


@module_router.get("/autocomplete.js")
async def autocomplete() -> FileResponse:
    """The module that completes what is typed into a page (docs/embedding.md)."""
    headers = {"Cache-Control": "max-age=600", "X-Content-Type-Options": "nosniff"}
    return FileResponse(MODULE, media_type="text/javascript", headers=headers)


@playground_router.get("/")
async def playground() -> FileResponse:
    """A page where a person types and sees ghost text."""
    return _page("index.html", PLAYGROUND_POLICY)


@docs_router.get("/docs")
async def docs() -> FileResponse:
    """Swagger UI: the API, with a form for each route."""
    return _page("swagger.html", DOCS_POLICY)


@docs_router.get("/redoc")
async def redoc() -> FileResponse:
    """ReDoc: the API, to read."""
    return _page("redoc.html", DOCS_POLICY)


@docs_router.get("/docs-assets/redoc.standalone.js")
async def redoc_script() -> Response:
    """ReDoc without the address of its maker's logo, the one thing that it would load from another host."""
    script = (DOCS_ASSETS / "redoc.standalone.js").read_bytes().replace(REDOC_LOGO, b"static/icon.svg")
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})


def static_files() -> StaticFiles:
    """The pages' own scripts and styles."""
    return StaticFiles(directory=STATIC)


def docs_assets() -> StaticFiles:
    """Swagger UI and ReDoc, from the package that ships them."""
    return StaticFiles(directory=DOCS_ASSETS)


def _page(name: str, policy: str) -> FileResponse:
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return FileResponse(STATIC / name, headers=headers)
