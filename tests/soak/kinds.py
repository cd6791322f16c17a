"""The kinds of request that a soak mixes: good, bad, long, streamed, left in the middle."""

from __future__ import annotations

import http.client
import json
import random
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

WORDS = (
    "the",
    "weather",
    "in",
    "a",
    "small",
    "town",
    "by",
    "the",
    "sea",
    "was",
    "better",
    "than",
    "people",
    "said",
)


@dataclass(frozen=True)
class Client:
    """One client with a kept connection and its own randomness."""

    connection: http.client.HTTPConnection
    random: random.Random

    def send(self, method: str, path: str, body: bytes | None = None) -> int:
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            answer.read()
            return answer.status
        except (http.client.HTTPException, ConnectionError):
            self.connection.close()  # an idle connection may be closed while we send: try once more
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            answer.read()
            return answer.status

    def post(self, path: str, **fields: Any) -> int:
        return self.send("POST", path, json.dumps(fields).encode())

    def prompt(self, words: int = 0) -> str:
        return " ".join(self.random.choices(WORDS, k=words or self.random.randint(2, 12)))

    def leave(self) -> int:
        """Ask for a stream, read its beginning and hang up with a reset; counts as 200."""
        body = json.dumps({"prompt": self.prompt(), "stream": True, "max_tokens": 60}).encode()
        head = "POST /complete HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        with socket.create_connection((self.connection.host, self.connection.port), timeout=60) as left:
            left.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            status = int(left.recv(4096).split()[1])
            left.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return status


@dataclass(frozen=True)
class Kind:
    """A way to ask, how often it comes, and the statuses that are right; 429 always is."""

    weight: int
    statuses: tuple[int, ...]
    ask: Callable[[Client], int]


def complete(client: Client, **fields: Any) -> int:
    return client.post("/complete", **{"prompt": client.prompt(), "max_tokens": 2} | fields)


def chat(client: Client) -> int:
    messages = [{"role": "user", "content": client.prompt()}]
    return client.post("/v1/chat/completions", model="any", messages=messages, max_tokens=2)


KINDS: Mapping[str, Kind] = {
    "complete": Kind(30, (200,), complete),
    "stream": Kind(15, (200,), lambda c: complete(c, stream=True, max_tokens=4)),
    "two choices": Kind(5, (200,), lambda c: complete(c, n=2, temperature=1.0)),
    "logprobs": Kind(5, (200,), lambda c: complete(c, logprobs=3)),
    "stop": Kind(5, (200,), lambda c: complete(c, stop=[".", " the"], max_tokens=6)),
    "long prompt": Kind(3, (200,), lambda c: complete(c, prompt=c.prompt(1200), max_tokens=1)),
    "chat": Kind(5, (200,), chat),
    "openai": Kind(
        5,
        (200,),
        lambda c: c.post("/v1/completions", model="any", prompt=[c.prompt(), c.prompt()], max_tokens=2),
    ),
    "tokenize": Kind(5, (200,), lambda c: c.post("/tokenize", text=c.prompt())),
    "moderate": Kind(5, (200,), lambda c: c.post("/moderate", text=c.prompt())),
    "rejected prompt": Kind(4, (400,), lambda c: complete(c, prompt="What a load of shit")),
    "no field": Kind(4, (422,), lambda c: complete(c, max_token=1)),
    "no JSON": Kind(3, (422,), lambda c: c.send("POST", "/complete", b'{"prompt": \xff')),
    "too large": Kind(2, (413,), lambda c: complete(c, prompt="x" * 70_000)),
    "no route": Kind(2, (404,), lambda c: c.send("GET", f"/{c.random.random()}")),
    "metrics": Kind(2, (200,), lambda c: c.send("GET", "/metrics")),
    "health": Kind(5, (200,), lambda c: c.send("GET", "/livez")),
    "deadline": Kind(2, (200, 504), lambda c: complete(c, timeout_ms=5, max_tokens=60)),
    "left": Kind(5, (200,), Client.leave),
}
