"""Clients that people have, as they are installed, ask the service; `make test-clients` installs them.

TEST_RECORD=1 keeps what they send in tests/app/http/recorded, which `make test` sends again.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.app.asking import FOX
from tests.app.conftest import compose, guard, listen
from tests.browser.conftest import browser
from tests.clients.recorder import Recorder

__all__ = ["browser", "compose", "guard", "listen"]

HERE = Path(__file__).parent
LITELLM = os.environ.get("LITELLM_PYTHON", ".venv-clients/bin/python")
TEXT = FOX.strip()


class EmptyPage(BaseHTTPRequestHandler):
    """A page of another origin."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>page</title>")

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def origin() -> Iterator[str]:
    """Of a page in which the package runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def recorder(listen: Callable[..., str], origin: str) -> Iterator[Recorder]:
    """Between a client and the service."""
    recording = Recorder(listen(cors_origins=(origin,)), origin)
    yield recording
    recording.close()


def keep(recorder: Recorder, client: str) -> None:
    if os.environ.get("TEST_RECORD"):
        recorder.save(client)


def read(*command: str | Path) -> str:
    return subprocess.run(
        list(map(str, command)), check=True, capture_output=True, text=True, cwd=HERE
    ).stdout


def texts(*command: str | Path) -> list[str]:
    found: list[str] = json.loads(read(*command).splitlines()[-1])
    return [text.strip() for text in found]


def test_the_openai_package_of_npm(recorder: Recorder) -> None:
    assert texts("node", "node.mjs", "openai", recorder.url) == [TEXT] * 4
    keep(recorder, "openai-npm")


def test_the_openai_provider_of_the_ai_sdk(recorder: Recorder) -> None:
    assert texts("node", "node.mjs", "ai-sdk", recorder.url) == [TEXT] * 6
    keep(recorder, "ai-sdk")


def test_the_openai_package_in_a_page_of_a_named_origin(
    recorder: Recorder, origin: str, browser: Browser
) -> None:
    bundle = HERE.parent / "artifacts" / "clients.js"
    read("node_modules/.bin/esbuild", "browser.mjs", "--bundle", "--log-level=error", f"--outfile={bundle}")
    page = browser.new_page()
    page.goto(f"{origin}/")
    page.add_script_tag(content=bundle.read_text())
    found: list[str] = page.evaluate("url => ask(url)", recorder.url)
    page.close()
    assert [text.strip() for text in found] == [TEXT] * 2
    keep(recorder, "openai-browser")


def test_the_http_client_of_the_jdk(recorder: Recorder) -> None:
    answers = read("java", "Java.java", recorder.url).splitlines()
    assert [answer[:4] for answer in answers] == ["200 ", "200 "]
    assert all(json.loads(answer[4:])["choices"][0]["text"] == FOX for answer in answers)
    keep(recorder, "java")


def test_litellm(recorder: Recorder) -> None:
    python = Path(LITELLM).absolute()
    assert texts(python, "lite_llm.py", recorder.url) == [TEXT] * 4
    keep(recorder, "litellm")


def test_the_requests_of_lm_evaluation_harness(recorder: Recorder) -> None:
    """As its models `local-completions` (loglikelihood, generate_until) and `local-chat-completions` ask."""
    shapes: list[tuple[str, dict[str, Any]]] = [
        (
            "completions",
            {
                "prompt": [[120, 121], [120, 121, 122]],
                "model": "any",
                "max_tokens": 1,
                "logprobs": 1,
                "seed": 1234,
                "echo": True,
                "temperature": 0,
            },
        ),
        (
            "completions",
            {
                "prompt": ["Question: x\nAnswer:"],
                "model": "any",
                "max_tokens": 256,
                "temperature": 0,
                "stop": ["\n\n", "Question:"],
                "seed": 1234,
            },
        ),
        (
            "chat/completions",
            {
                "messages": [{"role": "user", "content": "hello", "type": "text"}],
                "model": "any",
                "max_tokens": 256,
                "temperature": 0,
                "stop": ["\n\n"],
                "seed": 1234,
            },
        ),
    ]
    answers = []
    for path, body in shapes:
        answers.append(httpx.post(f"{recorder.url}/v1/{path}", json=body))
        answers[-1].raise_for_status()
    first, second = answers[0].json()["choices"]
    assert [len(choice["logprobs"]["token_logprobs"]) for choice in (first, second)] == [3, 4]
    assert first["logprobs"]["token_logprobs"][0] is None
    keep(recorder, "lm-eval")
