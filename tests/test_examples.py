"""The examples: the Python ones run as a reader would run them, none is longer than a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.conftest import compose, guard, listen

__all__ = ["compose", "guard", "listen"]

EXAMPLES = Path(__file__).parents[1] / "examples"
FOX = " jumps over the lazy dog."


def run(name: str, url: str, prompt: str, **environment: str) -> str:
    """What an example prints."""
    finished = subprocess.run(
        [sys.executable, EXAMPLES / name, prompt],
        env=os.environ | {"SERVICE_URL": url} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return finished.stdout


def test_httpx_completes_and_streams(listen: Callable[..., str]) -> None:
    assert run("complete_httpx.py", listen(), "The fox") == f"{FOX}\n{FOX}\n"


def test_httpx_sends_a_key(listen: Callable[..., str]) -> None:
    url = listen(api_keys=("secret",))
    assert run("complete_httpx.py", url, "The fox", SERVICE_KEY="secret") == f"{FOX}\n{FOX}\n"


def test_the_openai_sdk_completes_and_chats(listen: Callable[..., str]) -> None:
    assert run("complete_openai.py", listen(), "The fox") == f"{FOX}\n{FOX}\n"


@pytest.mark.parametrize(
    "name",
    ["page.html", "react.jsx", "codemirror.js", "monaco.js", "complete_httpx.py", "complete_openai.py"],
)
def test_an_example_is_shorter_than_sixty_lines(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) < 60
