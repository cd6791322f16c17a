"""JSON bodies, read strictly: bytes become a validated model, or an error that repeats nothing of them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from difflib import get_close_matches
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError

from app.errors import InvalidRequestError

LONGEST_NAME = 40
"""Characters of an unknown field's name that are compared with the known ones."""


class JsonRoute(APIRoute):
    """A route whose endpoint takes the request and a `body`.

    The bytes are validated as they are parsed, which refuses what the framework's own reading lets pass:
    other encodings than UTF-8, lone surrogates, numbers that are not finite, deep nesting.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Read the body, call the endpoint, write its answer."""
        endpoint = self.endpoint
        model: type[BaseModel] = get_type_hints(endpoint)["body"]
        names = _field_names(model)

        async def handle(request: Request) -> Response:
            media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media_type != "application/json":
                raise InvalidRequestError(
                    None, "a JSON object with Content-Type: application/json is required"
                )
            try:
                body = model.model_validate_json(await request.body())
            except ValidationError as error:
                raise _first_fault(error, names) from None
            answer = await endpoint(request, body)
            if isinstance(answer, Response):
                return answer
            return Response(answer.model_dump_json(), media_type="application/json")

        return handle


def _field_names(model: type[BaseModel]) -> frozenset[str]:
    """Names of a model's fields and of those of the models in it: what an answer may repeat."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for part in parts for name in part.get("properties", ()))


def _first_fault(error: ValidationError, names: frozenset[str]) -> InvalidRequestError:
    """The most precise fault that validation found; names and values of the client's are never repeated."""
    fault = max(error.errors(include_url=False, include_input=False), key=lambda fault: len(fault["loc"]))
    if fault["type"] == "json_invalid":
        return InvalidRequestError(None, f"not valid JSON: {fault['ctx']['error']}")
    field = ".".join(str(part) for part in fault["loc"] if isinstance(part, int) or part in names) or None
    if fault["type"] == "extra_forbidden":
        close = get_close_matches(str(fault["loc"][-1])[:LONGEST_NAME], names, 1)
        return InvalidRequestError(field, "unknown field" + "".join(f"; is it {name}?" for name in close))
    return InvalidRequestError(field, fault["msg"].removeprefix("Value error, "))
