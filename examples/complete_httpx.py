"""Completes a text with httpx: `python examples/complete_httpx.py "Dear Ms Miller, thank you for"`.

The service's address is SERVICE_URL, or http://127.0.0.1:8000; a key, where one is needed, SERVICE_KEY.
"""

from __future__ import annotations

import json
import os
import sys
import time

import httpx


def client() -> httpx.Client:
    """A client of the service."""
    key = os.environ.get("SERVICE_KEY")
    return httpx.Client(
        base_url=os.environ.get("SERVICE_URL", "http://127.0.0.1:8000"),
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=60,
    )


def complete(service: httpx.Client, prompt: str, **fields: object) -> str:
    """What follows a prompt; waits where the service is busy."""
    while True:
        answer = service.post("/complete", json={"prompt": prompt, **fields})
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            break
        time.sleep(float(answer.headers["Retry-After"]))
    answer.raise_for_status()
    text: str = answer.json()["choices"][0]["text"]
    return text


def stream(service: httpx.Client, prompt: str, **fields: object) -> None:
    """Print what follows a prompt as it comes."""
    with service.stream("POST", "/complete", json={"prompt": prompt, "stream": True, **fields}) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                print(json.loads(line[6:])["choices"][0]["text"], end="", flush=True)
    print()


if __name__ == "__main__":
    with client() as service:
        print(complete(service, sys.argv[1], max_tokens=32))
        stream(service, sys.argv[1], max_tokens=32)
