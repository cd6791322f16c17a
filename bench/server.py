"""A server as a peer, whichever it is: it speaks OpenAI's `/v1/completions`, and the same clients ask."""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.environments import LLAMA
from bench.work import REQUESTS, STREAM_PROMPT, STREAM_TOKENS, text

START_SECONDS = 60
FIRST_REPEATS = 5
SLOTS = 8


class Server:
    """A process that listens on a port of this machine.

    Attributes:
        port: Of this machine's loopback address.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], port: int, ready: str) -> None:
        self.port = port
        self._process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._seed = 0
        self._wait(ready)

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return self._process.pid

    def closed(self, clients: int) -> float:
        """See bench.work.WORKS."""
        return self._clients(clients, stream=False)

    def streamed(self, clients: int) -> float:
        """See bench.work.WORKS."""
        return self._clients(clients, stream=True)

    def first(self, tokens: int) -> float:
        """See bench.work.WORKS."""
        took = []
        for _ in range(FIRST_REPEATS):
            connection, began = self._connect(), time.perf_counter()
            events = self._events(connection, self._body(text(tokens, self._next()), 2, stream=True))
            next(events)
            took.append(time.perf_counter() - began)
            for _ in events:
                pass
            connection.close()
        return 1e3 * statistics.median(took)

    def end(self) -> None:
        """Stop the process."""
        self._process.terminate()
        self._process.wait(30)

    def _clients(self, count: int, *, stream: bool) -> float:
        prompts = [
            [text(STREAM_PROMPT, self._next()) for _ in range(REQUESTS if count > 1 else 2 * REQUESTS)]
            for _ in range(count)
        ]
        ask = self._stream if stream else self.complete
        began = time.perf_counter()
        with ThreadPoolExecutor(count) as pool:
            tokens = sum(pool.map(ask, prompts))
        return tokens / (time.perf_counter() - began)

    def complete(self, prompts: Sequence[str], count: int = STREAM_TOKENS) -> int:
        """Send prompts one after the other; tokens of all completions."""
        connection, tokens = self._connect(), 0
        for prompt in prompts:
            connection.request(
                "POST",
                "/v1/completions",
                self._body(prompt, count),
                {"Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"{answer.status}: {said.decode()}")
            tokens += json.loads(said)["usage"]["completion_tokens"]
        connection.close()
        return tokens

    def _stream(self, prompts: Sequence[str]) -> int:
        tokens = 0
        for prompt in prompts:
            connection = self._connect()
            *_, last = self._events(connection, self._body(prompt, STREAM_TOKENS, stream=True))
            tokens += json.loads(last)["usage"]["completion_tokens"]
            connection.close()
        return tokens

    def _events(self, connection: http.client.HTTPConnection, body: bytes) -> Iterator[bytes]:
        """Data of each event but the last, which says that it is."""
        connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{answer.status}: {answer.read().decode()}")
        for line in answer:
            if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
                yield line.removeprefix(b"data: ")

    def _body(self, prompt: str, tokens: int, *, stream: bool = False) -> bytes:
        fields: dict[str, object] = {"model": "any", "prompt": prompt, "max_tokens": tokens, "temperature": 0}
        if stream:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        return json.dumps(fields).encode()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def _wait(self, path: str) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended with status {self._process.returncode}")
            try:
                connection = self._connect()
                connection.request("GET", path)
                if connection.getresponse().status == http.client.OK:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        self.end()
        raise RuntimeError(f"the server was not ready after {START_SECONDS} s")

    def _next(self) -> int:
        self._seed += 1
        return self._seed


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def our_server(
    model: Path, threads: int, slots: int = SLOTS, settings: Mapping[str, str] | None = None
) -> Server:
    """Our service as `make serve` starts it, but for some settings."""
    port = free_port()
    environment = {
        "AUTOCOMPLETE_MODEL": str(model),
        "AUTOCOMPLETE_PORT": str(port),
        "AUTOCOMPLETE_THREADS": str(threads),
        "AUTOCOMPLETE_SLOTS": str(slots),
        "AUTOCOMPLETE_LOG_FORMAT": "json",
        "AUTOCOMPLETE_REQUEST_TIMEOUT_SECONDS": "600",
        **(settings or {}),
    }
    return Server([sys.executable, "-m", "app"], environment, port, "/readyz")


def llama_server(binary: Path, model: Path, threads: int, slots: int = SLOTS) -> Server:
    """llama.cpp's own server, with as many slots and as long contexts as ours has by default."""
    port = free_port()
    command = [str(binary), "--model", str(model), "--threads", str(threads), "--parallel", str(slots)]
    command += ["--ctx-size", str(512 * slots), "--host", "127.0.0.1", "--port", str(port)]
    return Server(command, {}, port, "/health")


def llama_wheel_server(model: Path, threads: int, slots: int = SLOTS) -> Server:
    """The same from a package that needs no compiler."""
    port = free_port()
    arguments = [str(model), str(threads), str(slots), str(port)]
    return Server([str(LLAMA.python), "-m", "bench.llama_wheel_server", *arguments], {}, port, "/health")
