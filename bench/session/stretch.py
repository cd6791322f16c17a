"""A stretch of a text that is typed letter by letter to one server."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from bench.machine import Neighbours, Usage, processor_seconds
from bench.session.services import Fields, Way

SETTLE_SECONDS = 0.3
"""After the last key: what a server computes then belongs to the stretch."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What keys of one stretch took.

    Attributes:
        milliseconds: From sending all that is typed to having the whole suggestion, of each key.
        shown: The suggestion of each key.
        processor: Milliseconds of the server's processes, idle work included.
        usage: What others used of the machine meanwhile.
    """

    milliseconds: tuple[float, ...]
    shown: tuple[str, ...]
    processor: float
    usage: Usage


Ask = Callable[[str], str]
"""Sends all that is typed; the suggestion."""


@contextmanager
def connected(port: int, way: Way) -> Iterator[Ask]:
    """Asks a server over one connection, which is kept inside the block; servers close idle ones."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:

        def ask(typed: str) -> str:
            body = json.dumps(way.fields(typed))
            connection.request("POST", way.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"{way.server} answered {answer.status}: {said.decode()[:300]}")
            return suggestion(json.loads(said))

        yield ask


def suggestion(answer: Fields) -> str:
    """The text that a server has answered, whichever it is."""
    return str(answer["choices"][0]["text"] if "choices" in answer else answer["content"])


def type_stretch(text: str, keys: Sequence[int], ask: Ask, server: int, pause: float = 0.0) -> Stretch:
    """Type keys one after the other, with a pause of so many seconds behind each.

    Args:
        text: Of which all is typed that stands before a key.
        keys: How many characters stand there with each key.
        ask: Asks the server.
        server: Its process.
        pause: Seconds.
    """
    neighbours, before = Neighbours(), processor_seconds(server)
    took, shown = list[float](), list[str]()
    for at in keys:
        sent = time.perf_counter()
        shown.append(ask(text[:at]))
        took.append(1e3 * (time.perf_counter() - sent))
        time.sleep(pause)
    time.sleep(SETTLE_SECONDS)
    spent = 1e3 * (processor_seconds(server) - before)
    return Stretch(tuple(took), tuple(shown), spent, neighbours.usage())
