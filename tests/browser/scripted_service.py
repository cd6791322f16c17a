"""A service that answers `/complete` as a test scripts it, and a page that uses the module."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from app.http.routes.pages import MODULE

Answer = Callable[[dict[str, Any]], dict[str, Any] | Response]

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>A page with a field</title>
<style>body {{ margin: 20px; font: 16px/1.5 "DejaVu Sans", sans-serif; }} .field {{ width: 400px; }}</style>
<body>{body}
<script type="module">
  window.shown = [];
  window.inFlight = window.mostInFlight = 0;
  const ask = window.fetch;
  window.fetch = (...request) => {{
    inFlight += 1;
    mostInFlight = Math.max(mostInFlight, inFlight);
    return ask(...request).finally(() => {{ inFlight -= 1; }});
  }};
  window.errors = [];
  document.addEventListener("autocomplete-error", ({{ detail }}) => errors.push(detail.code));
  document.addEventListener("autocomplete-show", ({{ target, detail }}) =>
    shown.push([(target.value ?? target.innerText).slice(0, target.selectionStart), detail.text]));
  const {{ attach }} = await import("/autocomplete.js");
  const field = document.querySelector(".field");
  if (field) window.attachment = attach(field, {options});
  window.ready = true;
</script>
</html>
"""


def continuation(text: str, **choice: Any) -> dict[str, Any]:
    """An answer with one choice."""
    return {"choices": [{"index": 0, "text": text, "finish_reason": "length", **choice}]}


def error(status: int, code: str, headers: dict[str, str] | None = None, **more: str) -> Response:
    """An error in the service's envelope."""
    return JSONResponse({"error": {"code": code, "message": code, **more}}, status, headers)


@dataclass
class ScriptedService:
    """What it answers, how long that takes, and what it was asked."""

    answer: Answer = lambda body: continuation(" jumps over the lazy dog.")
    seconds: float = 0.0
    body: str = '<textarea class="field" rows="8"></textarea>'
    options: dict[str, Any] = field(default_factory=dict)
    files: Path | None = None
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    @property
    def prompts(self) -> list[str]:
        """The texts that were asked about."""
        return [body["prompt"] for body in self.asked]

    async def page(self, request: Request) -> Response:
        """The page under test."""
        return HTMLResponse(PAGE.format(body=self.body, options=json.dumps(self.options)))

    async def module(self, request: Request) -> Response:
        """The module."""
        return FileResponse(MODULE, media_type="text/javascript")

    async def complete(self, request: Request) -> Response:
        """The scripted answer."""
        body = await request.json()
        self.asked.append(body)
        self.keys.append(request.headers.get("authorization"))
        await asyncio.sleep(self.seconds)
        answer = self.answer(body)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    @contextmanager
    def running(self) -> Iterator[uvicorn.Server]:
        """Serve on a free port of this machine."""
        routes = [
            Route("/", self.page),
            Route("/autocomplete.js", self.module),
            Route("/complete", self.complete, methods=["POST"]),
            *([Mount("/files", StaticFiles(directory=self.files))] if self.files else []),
        ]
        server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=routes), port=0, log_level="warning", lifespan="off")
        )
        thread = Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            thread.join(0.005)
        host, port = server.servers[0].sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        yield server
        server.should_exit = server.force_exit = True
        thread.join(10)
