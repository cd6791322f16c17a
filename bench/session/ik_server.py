"""`python -m bench.session.ik_server MODEL THREADS PORT`: ik_llama.cpp behind the thinnest HTTP.

Its package has no server, so this one does only what a session needs: it keeps connections, and what a prompt
shares with the last one, takes the likeliest tokens, and lets the first of them begin with a piece of text.
"""

from __future__ import annotations

import ctypes
import json
import sys
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from ik_llama_cpp import _ctypes_api as api

from bench.ik import Ik


class Completer(Ik):
    """Completes texts one after the other."""

    def __init__(self, model: Path, threads: int) -> None:
        super().__init__(model, threads)
        self._pieces = [self._piece(token) for token in range(self._vocabulary)]
        self._cached: list[int] = []

    def complete(self, prompt: str, piece: str, count: int) -> str:
        """The likeliest text behind a prompt, which begins with a piece where some token does."""
        context, tokens = self._context(1), self._tokenize(prompt) or [0]
        allowed = self._beginning(piece.encode())
        if piece and not len(allowed):
            tokens += self._tokenize(piece)
        length = len(tokens)
        while len(tokens) < length + count:
            pairs = zip(self._cached, tokens[:-1], strict=False)
            known = min(len(self._cached), len(tokens) - 1)
            shared = next((n for n, (a, b) in enumerate(pairs) if a != b), known)
            self._forget(context, shared)
            rest = tokens[shared:]
            self._run(context, rest, range(shared, len(tokens)), [0] * len(rest))
            self._cached = list(tokens)
            logits = self._logits(context, -1)
            if len(allowed):
                tokens.append(int(allowed[logits[allowed].argmax()]))
                allowed = allowed[:0]
            else:
                tokens.append(int(logits.argmax()))
            if api.llama_token_is_eog(self._model, tokens[-1]):
                break
        return b"".join(self._pieces[token] for token in tokens[length:]).decode(errors="replace")

    @lru_cache(maxsize=4096)  # noqa: B019  # there is one, as long as the process
    def _beginning(self, piece: bytes) -> Any:
        """Ids of the tokens that begin with a piece; none where it is empty."""
        return np.array([n for n, text in enumerate(self._pieces) if piece and text.startswith(piece)], int)

    def _tokenize(self, text: str) -> list[int]:
        data = text.encode()
        room = (api.llama_token * (len(data) + 1))()
        count = api.llama_tokenize(self._model, data, len(data), room, len(room), False, False)
        return list(room[:count])

    def _piece(self, token: int) -> bytes:
        room = ctypes.create_string_buffer(512)
        length = api.llama_token_to_piece(self._model, token, room, len(room), 0, False)
        return room.raw[: max(0, length)]


def main() -> None:
    """Serve until the process is ended."""
    model, threads, port = sys.argv[1:]
    completer = Completer(Path(model), int(threads))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer({"content": completer.complete(asked["prompt"], asked["piece"], asked["count"])})

        def _answer(self, fields: dict[str, str]) -> None:
            data = json.dumps(fields).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
