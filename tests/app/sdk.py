"""The openai SDK on the service."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from openai import OpenAI

from tests.fakes import FakeEngine

Listen = Callable[..., str]


def client_of(url: str, key: str = "none", max_retries: int = 0) -> OpenAI:
    return OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=max_retries)


def wait_until_running(engine: FakeEngine) -> None:
    while not engine.running:
        time.sleep(0.01)


def hello(content: str = "hello") -> Any:
    return [{"role": "user", "content": content}]
