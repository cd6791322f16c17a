"""Pages for people: the playground, the module that it is made of, and the API's documentation."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Response
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

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


class WholeFile(FileResponse):
    """A file that is sent whole, whatever range of it is asked for (RFC 9110, 14.2, leaves that to us).

    So no malformed range is answered with an error of the framework's own shape.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        self.headers["Accept-Ranges"] = "none"
        await super().__call__(without_range(scope), receive, send)


class WholeFiles(StaticFiles):
    """The files of a folder, each sent whole."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await super().__call__(without_range(scope), receive, send)


def without_range(scope: Scope) -> Scope:
    """A request without the header that asks for a part of the answer."""
    return {**scope, "headers": [header for header in scope["headers"] if header[0] != b"range"]}


module_router = APIRouter(include_in_schema=False)
playground_router = APIRouter(include_in_schema=False)
docs_router = APIRouter(include_in_schema=False)


@module_router.get("/autocomplete.js")
async def autocomplete() -> WholeFile:
    """The module that completes what is typed into a page (docs/embedding.md)."""
    headers = {"Cache-Control": "max-age=600", "X-Content-Type-Options": "nosniff"}
    return WholeFile(MODULE, media_type="text/javascript", headers=headers)


@playground_router.get("/")
async def playground() -> WholeFile:
    """A page where a person types and sees ghost text."""
    return _page("index.html", PLAYGROUND_POLICY)


@docs_router.get("/docs")
async def docs() -> WholeFile:
    """Swagger UI: the API, with a form for each route."""
    return _page("swagger.html", DOCS_POLICY)


@docs_router.get("/redoc")
async def redoc() -> WholeFile:
    """ReDoc: the API, to read."""
    return _page("redoc.html", DOCS_POLICY)


@docs_router.get("/docs-assets/redoc.standalone.js")
async def redoc_script() -> Response:
    """ReDoc without the address of its maker's logo, the one thing that it would load from another host."""
    script = (DOCS_ASSETS / "redoc.standalone.js").read_bytes().replace(REDOC_LOGO, b"static/icon.svg")
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})


def static_files() -> StaticFiles:
    """The pages' own scripts and styles."""
    return WholeFiles(directory=STATIC)


def docs_assets() -> StaticFiles:
    """Swagger UI and ReDoc, from the package that ships them."""
    return WholeFiles(directory=DOCS_ASSETS)


def _page(name: str, policy: str) -> WholeFile:
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return WholeFile(STATIC / name, headers=headers)
