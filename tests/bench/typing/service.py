"""A service whose answers are written down, for the tests of the typing measurement."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from bench.typing.client import Client

Body = Mapping[str, Any]
Answer = Callable[[Body], tuple[int, Body]]


def choice(text: str, **fields: object) -> tuple[int, Body]:
    """An answer with one choice."""
    return 200, {"choices": [{"index": 0, "text": text, "finish_reason": "length", **fields}]}


REFUSED: tuple[int, Body] = 400, {"error": {"code": "content_filter", "message": "no"}}


class Service:
    """Answers `/complete` as it is told, and keeps what it was asked.

    Attributes:
        asked: Bodies of the requests, in their order.
    """

    def __init__(self, answer: Answer, fields: tuple[str, ...] | None = ()) -> None:
        self.asked: list[Body] = []
        self._answer, self._fields = answer, fields

    def client(self, clock: Callable[[], float] = lambda: 0.0) -> Client:
        """A client that talks to nobody else."""
        transport = httpx.MockTransport(self._handle)
        return Client(httpx.Client(base_url="http://service", transport=transport), clock)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/complete":
            self.asked.append(json.loads(request.content))
            status, body = self._answer(self.asked[-1])
            return httpx.Response(status, json=body)
        if request.url.path == "/openapi.json" and self._fields is not None:
            properties: dict[str, object] = {name: {} for name in self._fields}
            schemas = {"CompleteRequest": {"properties": properties}}
            return httpx.Response(200, json={"components": {"schemas": schemas}})
        return httpx.Response(404, json={"error": {"code": "not_found"}})
