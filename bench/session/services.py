"""Servers that a text is typed to, and what each is asked at a keystroke."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.environments import IK, LLAMA
from bench.gguf import downloaded, requantize
from bench.server import Server, free_port, llama_server, llama_wheel_server, our_server

TOKENS = 8
"""Of a suggestion."""

OURS = "ours"
LLAMA_SERVER = Path(sys.executable).with_name("llama-server")

PIECE = re.compile(r"(?: ?[^\W\d_]+| ?[\d_]+| ?[^\w\s]+|\s+)\Z")
"""The last piece of a text, as tokenizers cut it: a word with its space, digits, signs or spaces."""

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask a server.

    Attributes:
        server: Its name.
        path: Of the route.
        fields: The body for all that is typed.
    """

    server: str
    path: str
    fields: Callable[[str], Fields]


def split(typed: str) -> tuple[str, str]:
    """A text before its last piece, and the piece."""
    found = PIECE.search(typed)
    at = found.start() if found else len(typed)
    return typed[:at], typed[at:]


def ours(typed: str) -> Fields:
    """Our service heals by itself."""
    return {"prompt": typed, "max_tokens": TOKENS, "temperature": 0, "repetition_penalty": 1.0}


def llama(typed: str) -> Fields:
    """What llama.cpp's own pages send."""
    return {"prompt": typed, "n_predict": TOKENS, "temperature": 0, "cache_prompt": True}


def llama_healed(typed: str) -> Fields:
    """Healed by the client: a grammar lets the text behind the last piece begin with it."""
    before, piece = split(typed)
    if not before or not piece:
        return llama(typed)
    escaped = piece.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return llama(before) | {"grammar": f'root ::= "{escaped}" [^\\x00]*'}


def ik(typed: str) -> Fields:
    """The whole text as it is."""
    return {"prompt": typed, "piece": "", "count": TOKENS}


def ik_healed(typed: str) -> Fields:
    """Healed as llama.cpp's."""
    before, piece = split(typed)
    return {"prompt": before, "piece": piece, "count": TOKENS} if before else ik(typed)


LLAMA_NAME = "llama.cpp Q8_0"
IK_NAME = "ik_llama.cpp Q8_0"

WAYS: dict[str, Way] = {
    OURS: Way(OURS, "/complete", ours),
    LLAMA_NAME: Way(LLAMA_NAME, "/completion", llama),
    f"{LLAMA_NAME}, healed": Way(LLAMA_NAME, "/completion", llama_healed),
    IK_NAME: Way(IK_NAME, "/completion", ik),
    f"{IK_NAME}, healed": Way(IK_NAME, "/completion", ik_healed),
}


def start(name: str, model: Path, threads: int, settings: Mapping[str, str]) -> Server | None:
    """A server by its name, or nothing where it is not installed."""
    if name == OURS:
        return our_server(model, threads, settings=settings)
    if not IK.ready:
        return None
    weights = requantize(downloaded(model), "Q8_0")
    if name == IK_NAME:
        port = free_port()
        command = [str(IK.python), "-m", "bench.session.ik_server", str(weights), str(threads), str(port)]
        return Server(command, {}, port, "/health")
    if LLAMA_SERVER.exists():
        return llama_server(LLAMA_SERVER, weights, threads, slots=1)
    return llama_wheel_server(weights, threads, slots=1) if LLAMA.ready else None
