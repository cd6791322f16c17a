"""Asks `/complete` of the service in-process; what is not 200 fails the test."""

from __future__ import annotations

import json
from typing import Any

import httpx

FOX = " jumps over the lazy dog."
"""What the scripted engine writes."""


async def complete(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post("/complete", json={"prompt": "The quick brown fox"} | body)
    assert answer.status_code == 200, answer.text
    parsed: dict[str, Any] = answer.json()
    return parsed


async def events(client: httpx.AsyncClient, **body: Any) -> list[dict[str, Any]]:
    answer = await client.post("/complete", json={"prompt": "The quick brown fox", "stream": True} | body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    *data, done = [
        line.removeprefix("data: ") for line in answer.text.split("\n") if line.startswith("data: ")
    ]
    assert done == "[DONE]"
    return [json.loads(event) for event in data]


def streamed_text(stream: list[dict[str, Any]], index: int = 0) -> str:
    choices = [choice for event in stream for choice in event.get("choices", ())]
    return "".join(choice["text"] for choice in choices if choice["index"] == index)
