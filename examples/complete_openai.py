"""Completes a text and chats with the openai SDK: `python examples/complete_openai.py "The capital of"`.

The service's address is SERVICE_URL, or http://127.0.0.1:8000; a key, where one is needed, SERVICE_KEY.
"""

from __future__ import annotations

import os
import sys

from openai import OpenAI


def client() -> OpenAI:
    """The SDK on the service; it waits and tries again where the service is busy."""
    url = os.environ.get("SERVICE_URL", "http://127.0.0.1:8000")
    return OpenAI(base_url=f"{url}/v1", api_key=os.environ.get("SERVICE_KEY", "none"))


def complete(service: OpenAI, prompt: str) -> str:
    """What follows a prompt."""
    (model,) = service.models.list()
    answer = service.completions.create(
        model=model.id, prompt=prompt, max_tokens=32, temperature=0, extra_body={"repetition_penalty": 1.1}
    )
    return answer.choices[0].text


def chat(service: OpenAI, question: str) -> None:
    """Print an answer as it comes."""
    (model,) = service.models.list()
    messages = [{"role": "user", "content": question}]
    for event in service.chat.completions.create(
        model=model.id, messages=messages, max_tokens=32, stream=True
    ):
        if event.choices:
            print(event.choices[0].delta.content or "", end="", flush=True)
    print()


if __name__ == "__main__":
    with client() as service:
        print(complete(service, sys.argv[1]))
        chat(service, sys.argv[1])
