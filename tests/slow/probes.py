"""A service that is asked for slow texts, and how soon its probe answers meanwhile."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.service_process import ServiceProcess, service_process
from tests.slow.search import grown

SIZE = 8192
"""Characters of a prompt, at most."""

GAP = 0.01
"""Seconds between two looks at the probe."""


@dataclass
class Asked:
    """Statuses of the requests, and the milliseconds that `/livez` took."""

    statuses: Counter[int] = field(default_factory=Counter)
    livez: list[float] = field(default_factory=list)


def asked(patterns: Sequence[str]) -> Asked:
    """Ask a service of its own for each pattern on every route that takes texts, one after the other."""
    seen, over = Asked(), threading.Event()
    with service_process() as service:
        watch = threading.Thread(target=_watch, args=(service, seen, over))
        watch.start()
        try:
            for pattern in patterns:
                for path, body in _bodies(grown(pattern, SIZE)):
                    seen.statuses[_post(service, path, body)] += 1
        finally:
            over.set()
            watch.join()
    return seen


def _bodies(text: str) -> list[tuple[str, bytes]]:
    asks = {
        "/moderate": {"text": text},
        "/tokenize": {"text": text},
        "/complete": {"prompt": text, "max_tokens": 1},
        "/v1/completions": {"model": "m", "prompt": text, "max_tokens": 1},
        "/v1/chat/completions": {
            "model": "m",
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 1,
        },
        "/v1/responses": {"model": "m", "input": text, "max_output_tokens": 16},
    }
    return [(path, json.dumps(body).encode()) for path, body in asks.items()] + [("/complete", text.encode())]


def _post(service: ServiceProcess, path: str, body: bytes) -> int:
    connection = http.client.HTTPConnection(*service.address, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def _watch(service: ServiceProcess, seen: Asked, over: threading.Event) -> None:
    while not over.is_set():
        began = time.perf_counter()
        service.get("/livez")
        seen.livez.append((time.perf_counter() - began) * 1000)
        time.sleep(GAP)
