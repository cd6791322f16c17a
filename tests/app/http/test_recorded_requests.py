"""What clients have sent, byte for byte, is answered: `make test-clients` records it (tests/clients).

Those of llama.vim were recorded from Vim.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.app.asking import FOX
from tests.fakes import infill_manifest

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.http"))
ORIGIN = "http://page.example"


def send(url: str, request: bytes) -> HTTPResponse:
    """Send a request as it is, and read its answer, and no other."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        connection.sendall(request)
        answer = HTTPResponse(connection, method=request.split(b" ", 1)[0].decode())
        answer.begin()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        return answer


def test_each_client_has_been_recorded() -> None:
    clients = {file.stem.rpartition("-")[0] for file in RECORDED}
    assert clients == {"ai-sdk", "java", "litellm", "llama-vim", "lm-eval", "openai-browser", "openai-npm"}


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_recorded_request_is_answered(listen: Callable[..., str], file: Path) -> None:
    request = file.read_bytes()
    answer = send(listen(cors_origins=(ORIGIN,), manifest=infill_manifest()), request)
    text: str = answer.text  # type: ignore[attr-defined]
    assert answer.status == 200, text
    if request.startswith(b"OPTIONS"):
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        asked = (
            request.partition(b"access-control-request-headers: ")[2]
            or request.partition(b"Access-Control-Request-Headers: ")[2]
        )
        assert answer.headers["access-control-allow-headers"] == asked.partition(b"\r")[0].decode()
        return
    head, _, body = request.partition(b"\r\n\r\n")
    if json.loads(body).get("stream"):
        ends = ("data: [DONE]", "response.completed")
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert any(end in text.strip().split("\n\n")[-1] for end in ends)
    elif b"/infill" in head:
        predicted = json.loads(body)["n_predict"]
        assert json.loads(text).get("content") == (FOX if predicted else None)
    elif b"/responses" in head:
        assert json.loads(text)["output"][0]["content"][0]["text"] == FOX
    else:
        choice = json.loads(text)["choices"][0]
        written = choice["message"]["content"] if "message" in choice else choice["text"]
        assert written == ("xy " if json.loads(body).get("echo") else FOX)
