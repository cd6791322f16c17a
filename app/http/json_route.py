"""JSON bodies, read strictly: bytes become a validated model, or an error that repeats nothing of them."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Coroutine
from difflib import get_close_matches
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, to_json
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import InvalidRequestError, UnsupportedMediaTypeError

Endpoint = Callable[..., Coroutine[Any, Any, object]]

JSON = b"application/json"

PLAIN_CODINGS = {
    b"content-encoding": (b"", b"identity"),
    b"transfer-encoding": (b"", b"identity", b"chunked"),
}
"""What these headers may say: nothing here unpacks a body."""

ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escaped pair of surrogates, a lone one, any other escape."""

RAW_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
"""A surrogate as UTF-8 would write it, if it could."""

LONGEST_NAME = 40
"""Characters of an unknown field's name that are compared with the known ones."""

SIMILAR = 0.75
"""Least similarity of a name that is suggested: `temprature` is `temperature`, `cache_prompt` no `prompt`."""


class JsonRoute(APIRoute):
    """A route whose endpoint takes the request and a `body`, which a `BodyReceiver` has put into the scope.

    The bytes are validated as they are parsed, which refuses what the framework's own reading lets pass:
    other encodings than UTF-8, lone surrogates, numbers that are not finite, deep nesting.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = _json_app(endpoint)


def _json_app(endpoint: Endpoint) -> ASGIApp:
    """Validate the body, call the endpoint, write its answer."""
    model: type[BaseModel] = get_type_hints(endpoint)["body"]
    names = _field_names(model)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        _check_media_type(scope)
        try:
            body = model.model_validate_json(readable(scope["body"]))
        except ValidationError as error:
            raise _first_fault(error, names) from None
        answer = await endpoint(Request(scope, receive, send), body)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        written = to_json(answer)
        headers = [(b"content-type", JSON), (b"content-length", b"%d" % len(written))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": written})

    return app


def _check_media_type(scope: Scope) -> None:
    json = False
    for name, value in scope["headers"]:
        if name == b"content-type" and value.partition(b";")[0].strip().lower() == JSON:
            json = True
        if value.strip().lower() not in PLAIN_CODINGS.get(name, (value.strip().lower(),)):
            raise UnsupportedMediaTypeError
    if not json:
        raise InvalidRequestError(None, "a JSON object with Content-Type: application/json is required")


def readable(body: bytes) -> bytes:
    """A body without what editors leave in it: a byte-order mark, and halves of characters.

    An emoji that was cut in two by UTF-16 arrives as a lone surrogate, escaped or as bytes of its own: it
    becomes U+FFFD, as browsers would send it.
    """
    body = body.removeprefix(BOM_UTF8)
    if b"\\ud" in body or b"\\uD" in body:
        body = ESCAPES.sub(lambda found: b"\\ufffd" if found["lone"] else found[0], body)
    return RAW_SURROGATE.sub(b"\xef\xbf\xbd", body) if b"\xed" in body else body


def _field_names(model: type[BaseModel]) -> frozenset[str]:
    """Names of a model's fields and of those of the models in it: what an answer may repeat."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for part in parts for name in part.get("properties", ()))


def _rank(fault: ErrorDetails) -> tuple[int, int]:
    """How much a fault says: the deeper the more, and a misspelt name more than the missing one."""
    says = {"missing": 0, "extra_forbidden": 2, "literal_error": 3}
    return len(fault["loc"]), says.get(fault["type"], 1)


def _first_fault(error: ValidationError, names: frozenset[str]) -> InvalidRequestError:
    """The most precise fault that validation found; names and values of the client's are never repeated."""
    faults = error.errors(include_url=False, include_input=False)
    fault = max(faults, key=_rank)
    if fault["type"] == "json_invalid":
        return InvalidRequestError(None, f"not valid JSON: {fault['ctx']['error']}")
    field = ".".join(str(part) for part in fault["loc"] if isinstance(part, int) or part in names) or None
    if fault["type"] == "extra_forbidden":
        close = get_close_matches(str(fault["loc"][-1])[:LONGEST_NAME], names, 1, SIMILAR)
        return InvalidRequestError(field, "unknown field" + "".join(f"; is it {name}?" for name in close))
    return InvalidRequestError(field, fault["msg"].removeprefix("Value error, ").removeprefix("Input "))
