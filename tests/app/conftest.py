"""The service over scripted parts, asked in-process or over a real socket."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from app.guard import loader
from app.guard.guard import Guard
from app.guard.loader import load_guard
from app.guard.verdict import Thresholds
from app.main import create_app
from app.model.manifest import Manifest
from app.model.tokenizer import Tokenizer
from app.model.vocabulary import Vocabulary
from app.server.lifecycle import server_config
from app.settings import Settings
from tests.fakes import CHAT_TEMPLATE, ByteTokenizer, FakeEngine, tiny_manifest

if TYPE_CHECKING:
    from openai import OpenAI

Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def guard() -> Guard:
    return load_guard(allow_file=None, deny_file=None, thresholds=Thresholds())


@pytest.fixture
def few_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The built-in list is short: all of it takes half a second to load."""
    kept = tuple(f"{word}\t" for word in ("fuck", "shit", "ass", "dick", "damn"))
    lines = loader.CURATED.read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "few.tsv").write_text("".join(line for line in lines if line.startswith(kept)), "utf-8")
    monkeypatch.setattr(loader, "CURATED", tmp_path / "few.tsv")


@pytest.fixture
def compose(guard: Guard) -> Callable[..., FastAPI]:
    """An application over a scripted engine; settings as keywords."""

    def composed(
        engine: FakeEngine | None = None,
        chat_template: str | None = CHAT_TEMPLATE,
        read_guard: Callable[[], Guard] | None = lambda: guard,
        open_tokenizer: Callable[[], Tokenizer] = ByteTokenizer,
        vocabulary: Vocabulary | None = None,
        manifest: Manifest | None = None,
        **settings: Any,
    ) -> FastAPI:
        return create_app(
            Settings(**settings),
            manifest=manifest or tiny_manifest(chat_template),
            engine=engine or FakeEngine(),
            open_tokenizer=open_tokenizer,
            guard=read_guard,
            vocabulary=vocabulary,
        )

    return composed


@pytest.fixture
def serve(compose: Callable[..., FastAPI]) -> Serve:
    """The application, running, and a client that asks it in-process."""

    @asynccontextmanager
    async def served(engine: FakeEngine | None = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = compose(engine, **settings)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
        ):
            yield client

    return served


@pytest.fixture
def listen(compose: Callable[..., FastAPI]) -> Iterator[Callable[..., str]]:
    """The application on a real socket, in a thread; its base address."""
    with ExitStack() as stack:

        def listening(
            engine: FakeEngine | None = None, send_buffer: int | None = None, **settings: Any
        ) -> str:
            app = compose(engine, **{"port": 0, "grace_seconds": 1} | settings)
            server = uvicorn.Server(server_config(app))
            thread = Thread(target=server.run, daemon=True)
            thread.start()

            def end() -> None:
                server.should_exit = True
                thread.join(10)

            stack.callback(end)
            while not server.started:
                time.sleep(0.005)
            accepting = server.servers[0].sockets[0]
            if send_buffer is not None:  # connections inherit it
                accepting.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
            host, port = accepting.getsockname()
            return f"http://{host}:{port}"

        yield listening


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server process with a pause before each token; the process and its address."""
    processes = []

    def started(pause: float | str | Path = 0.0, **settings: object) -> tuple[subprocess.Popen[str], str]:
        chosen = {"profanity": "off"} | settings
        environment = {f"AUTOCOMPLETE_{name.upper()}": str(value) for name, value in chosen.items()}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.app.fake_service", str(pause)],
            env=os.environ | {"AUTOCOMPLETE_PORT": "0", "AUTOCOMPLETE_LOG_FORMAT": "json"} | environment,
            stderr=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        processes.append(process)
        assert process.stderr is not None
        for line in process.stderr:
            if address := re.search(r"running on (http://[\d.:]+)", line):
                return process, address[1]
        pytest.fail("the server did not start")

    yield started
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def sdk(listen: Callable[..., str]) -> Iterator[OpenAI]:
    """The openai SDK on the application."""
    from tests.app.sdk import client_of  # not for the server processes, which read this file too

    with client_of(listen()) as client:
        yield client
